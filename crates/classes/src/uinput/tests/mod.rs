//! The class, without a front and without a lab: what is made is plugged into a bench.

mod bench;
mod calls;
mod contracts;
mod effects;
mod life;
