use crate::sync::PlainArc;

/// A driver that wants to know whether anybody uses its device, as MTD's `get_device` and `put_device` let it
/// (`include/linux/mtd/mtd.h`). Given to a device with [`Builder::users`](crate::Builder::users).
///
/// Both are called inside the gate, one at a time for each device, in the order in which users come and go; so they must
/// not block, and must not open or close a handle of the same device. After the mark neither is called: a zombie's close
/// never reaches the driver (I8, I22).
pub trait Users<H>: Send + Sync {
    /// A handle is about to be opened.
    ///
    /// # Errors
    /// An errno, by which the open is refused ([`Refused::Driver`](crate::Refused::Driver)); I33.
    fn open(&self, hardware: &H) -> Result<(), i32> {
        let _ = hardware;
        Ok(())
    }

    /// The last handle has been closed.
    fn last_close(&self, hardware: &H) {
        let _ = hardware;
    }
}

impl<H, T: Users<H>> Users<H> for PlainArc<T> {
    fn open(&self, hardware: &H) -> Result<(), i32> {
        (**self).open(hardware)
    }

    fn last_close(&self, hardware: &H) {
        (**self).last_close(hardware);
    }
}
