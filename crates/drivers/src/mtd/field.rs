//! The field of 2^13 elements, in which the code of 512-byte steps reckons.

/// How many bits an element has.
pub(super) const DEGREE: usize = 13;
/// How many elements but 0 there are, all powers of one.
pub(super) const ORDER: usize = (1 << DEGREE) - 1;
/// x^13 + x^4 + x^3 + x + 1, which is primitive; `lib/bch.c` takes the same one.
const POLYNOMIAL: u32 = 0x201b;

/// The field, by its tables.
#[derive(Debug)]
pub(super) struct Field {
    powers: Vec<u16>,
    logarithms: Vec<u16>,
}

impl Field {
    pub(super) fn new() -> Self {
        let mut field = Field { powers: vec![0; ORDER], logarithms: vec![0; ORDER + 1] };
        let mut element: u32 = 1;
        for exponent in 0..ORDER {
            field.powers[exponent] = element as u16;
            field.logarithms[element as usize] = exponent as u16;
            element <<= 1;
            if element >> DEGREE != 0 {
                element ^= POLYNOMIAL;
            }
        }
        field
    }

    /// The generator to the `exponent`.
    pub(super) fn power(&self, exponent: usize) -> u16 {
        self.powers[exponent % ORDER]
    }

    pub(super) fn multiply(&self, a: u16, b: u16) -> u16 {
        if a == 0 || b == 0 { 0 } else { self.power(self.logarithm(a) + self.logarithm(b)) }
    }

    /// `b` is not 0.
    pub(super) fn divide(&self, a: u16, b: u16) -> u16 {
        if a == 0 { 0 } else { self.power(self.logarithm(a) + ORDER - self.logarithm(b)) }
    }

    fn logarithm(&self, element: u16) -> usize {
        self.logarithms[usize::from(element)].into()
    }
}
