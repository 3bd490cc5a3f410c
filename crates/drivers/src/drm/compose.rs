//! What one sees: the layers of a CRTC, one upon the other.

use outlive_classes::drm::{Format, Framebuffer, Layer, Picture, Pipe};

/// The picture that a CRTC sends, as its framebuffers are now. What no layer covers is black.
pub fn compose(pipe: &Pipe) -> Picture {
    let (width, height) = (pipe.mode.width(), pipe.mode.height());
    let mut picture = Picture { width, height, pixels: vec![0; 3 * width as usize * height as usize] };
    pipe.layers.iter().for_each(|layer| draw(layer, &mut picture));
    if let Some(table) = &pipe.gamma {
        for pixel in picture.pixels.chunks_exact_mut(3) {
            for (colour, value) in pixel.iter_mut().enumerate() {
                *value = table.get(usize::from(*value)).map_or(*value, |step| (step[colour] >> 8) as u8);
            }
        }
    }
    picture
}

fn draw(layer: &Layer, picture: &mut Picture) {
    // Only what is on the picture of the layer is looked at.
    let part = |place: i32, length: u32, most: u32| {
        let (place, length, most) = (i64::from(place), i64::from(length), i64::from(most));
        let first = place.clamp(0, most);
        (first, (place + length).clamp(first, most), first - place)
    };
    let (left, right, skipped_x) = part(layer.place.0, layer.size.0, picture.width);
    let (top, bottom, skipped_y) = part(layer.place.1, layer.size.1, picture.height);
    for y in top..bottom {
        let from_y = u64::from(layer.source.1) + (y - top + skipped_y) as u64;
        for x in left..right {
            let from_x = u64::from(layer.source.0) + (x - left + skipped_x) as u64;
            let at = 3 * (y as usize * picture.width as usize + x as usize);
            let pixel = &mut picture.pixels[at..at + 3];
            let (colour, alpha) = pixel_of(&layer.framebuffer, from_x, from_y);
            for (below, above) in pixel.iter_mut().zip(colour) {
                // The colours above are multiplied by their alpha already.
                let left = u16::from(*below) * u16::from(255 - alpha) / 255;
                *below = (left + u16::from(above)).min(255) as u8;
            }
        }
    }
}

/// Red, green, blue, and how much of it covers what is below.
fn pixel_of(fb: &Framebuffer, x: u64, y: u64) -> ([u8; 3], u8) {
    let bytes = u64::from(fb.format.bytes());
    let at = u64::from(fb.offset) + y * u64::from(fb.pitch) + x * bytes;
    let value = value_at(fb, at, bytes);
    let byte = |shift: u32| (value >> shift) as u8;
    let part = |shift: u32, bits: u32| {
        let most = (1u32 << bits) - 1;
        ((value >> shift & most) * 255 / most) as u8
    };
    match fb.format {
        Format::Xrgb8888 => ([byte(16), byte(8), byte(0)], 255),
        Format::Argb8888 => ([byte(16), byte(8), byte(0)], byte(24)),
        Format::Xrgb2101010 => ([part(20, 10), part(10, 10), part(0, 10)], 255),
        Format::Rgb565 => ([part(11, 5), part(5, 6), part(0, 5)], 255),
    }
}

/// The pixel at that offset, which may lie across two words of the memory.
fn value_at(fb: &Framebuffer, at: u64, bytes: u64) -> u32 {
    let memory = &fb.buffer.memory;
    let (word, shift) = (at & !3, 8 * (at % 4) as u32);
    let low = memory.load(word);
    let value = if at % 4 + bytes > 4 {
        let both = u64::from(memory.load(word + 4)) << 32 | u64::from(low);
        (both >> shift) as u32
    } else {
        low >> shift
    };
    if bytes == 2 { value & 0xffff } else { value }
}
