//! What is to be shown, as a driver is told.

use super::{Framebuffer, Mode};
use std::sync::Arc;

/// What a card is to show: for each CRTC what goes over it, if it is on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scene {
    /// By the number of the CRTC.
    pub pipes: Vec<Option<Pipe>>,
}

/// One CRTC that is on.
#[derive(Clone, PartialEq, Debug)]
pub struct Pipe {
    /// What it sends.
    pub mode: Mode,
    /// The connectors that it sends it to, by their numbers.
    pub connectors: Vec<usize>,
    /// Its pictures, the lowest first. What none of them covers is black.
    pub layers: Vec<Layer>,
    /// Red, green and blue as they are to be shown, for each of 256 steps; `None`: as they are.
    pub gamma: Option<Arc<Vec<[u16; 3]>>>,
}

/// A part of a framebuffer, somewhere on the picture. Nothing is scaled.
#[derive(Clone, PartialEq, Debug)]
pub struct Layer {
    /// From where.
    pub framebuffer: Arc<Framebuffer>,
    /// The upper left corner in the framebuffer, in pixels.
    pub source: (u32, u32),
    /// The upper left corner on the picture, which may be outside.
    pub place: (i32, i32),
    /// Width and height in pixels.
    pub size: (u32, u32),
}
