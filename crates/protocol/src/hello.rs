//! The first frame of a server: what it serves.

use crate::{Class, Header, Kind, Violation, cursor::Cursor, cursor::text, i2c, limits::NAME_MAX, mtd};
use outlive_classes::{i2c::Claim, mtd::Geometry, tpm::Version};

/// Who a server is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// What the device is called.
    pub name: String,
    /// What it is.
    pub device: Device,
}

/// What a server serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Device {
    /// An I2C adapter.
    I2c {
        /// What it can do: `I2C_FUNC_*`.
        functionality: u32,
        /// The chips that drivers in the kernel would have claimed.
        claims: Vec<Claim>,
    },
    /// A flash.
    Mtd(Geometry),
    /// A TPM.
    Tpm {
        /// Of its specification.
        version: Version,
    },
}

impl Hello {
    /// The class of its device.
    pub fn class(&self) -> Class {
        match self.device {
            Device::I2c { .. } => Class::I2c,
            Device::Mtd(_) => Class::Mtd,
            Device::Tpm { .. } => Class::Tpm,
        }
    }

    /// Its frame.
    ///
    /// # Errors
    /// What the other side would say of it.
    pub fn encode(&self) -> Result<Vec<u8>, Violation> {
        let mut body = Vec::new();
        body.extend(self.class().number().to_le_bytes());
        body.extend(0_u32.to_le_bytes());
        match &self.device {
            Device::I2c { functionality, claims } => i2c::put_adapter(&mut body, *functionality, claims),
            Device::Mtd(geometry) => mtd::put_geometry(&mut body, geometry),
            Device::Tpm { version } => body.extend(version.major().to_le_bytes()),
        }
        let data = self.name.len() as u32;
        let frame = Header { data, ..Header::of(Kind::Hello) }.frame(&body, self.name.as_bytes());
        match Hello::decode(&frame)? {
            again if again == *self => Ok(frame),
            _ => Err(Violation::Text),
        }
    }

    /// Of a frame.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(packet: &[u8]) -> Result<Hello, Violation> {
        let (header, body) = Header::parse(packet)?;
        if header.kind != Kind::Hello {
            return Err(Violation::Unexpected(header.kind));
        }
        header.is_of_no_operation()?;
        let mut cursor = Cursor::new(body);
        let class = cursor.u32()?;
        let class = Class::numbered(class).ok_or(Violation::NoClass(class))?;
        cursor.reserved()?;
        let device = match class {
            Class::I2c => i2c::adapter(&mut cursor)?,
            Class::Mtd => Device::Mtd(mtd::geometry(&mut cursor)?),
            Class::Tpm => match cursor.u32()? {
                1 => Device::Tpm { version: Version::V1 },
                2 => Device::Tpm { version: Version::V2 },
                _ => return Err(Violation::Device("the version of a TPM is 1 or 2")),
            },
        };
        let name = text(header.data_of(&mut cursor)?, NAME_MAX)?;
        if name.is_empty() {
            return Err(Violation::Device("it has no name"));
        }
        cursor.end()?;
        Ok(Hello { name, device })
    }
}

impl Header {
    /// Checks the header of a frame that is about no operation.
    pub(crate) fn is_of_no_operation(&self) -> Result<(), Violation> {
        if (self.number, self.status) == (0, 0) { Ok(()) } else { Err(Violation::Header(self.kind)) }
    }

    /// Checks a frame that is its header and no more.
    pub(crate) fn is_bare(&self, body: &[u8]) -> Result<(), Violation> {
        if self.data != 0 || self.status != 0 { Err(Violation::Header(self.kind)) } else { Cursor::new(body).end() }
    }

    /// The data at the end of a frame.
    pub(crate) fn data_of<'a>(&self, cursor: &mut Cursor<'a>) -> Result<&'a [u8], Violation> {
        cursor.take(self.data as usize)
    }
}
