use crate::{Builder, Device, HardwareLife, Managed, Part, SharedLife};

/// What a driver's probe is given: the two lists of a device that is about to be. If the probe fails half-way, by an
/// error or by a panic, what has been put into them by then is released, in reverse order, the hardware's first; nothing
/// of it is left.
///
/// ```
/// use outlive::{Builder, Device, Reason};
///
/// fn probe(works: bool) -> Result<Device<&'static str, u32>, &'static str> {
///     Builder::new().probe(|probe| {
///         probe.hardware().action(|| println!("the clock is off")).map_err(|_| "gone")?;
///         if !works { return Err("no answer"); }          // the clock is turned off again
///         Ok(("a sensor", 21))
///     })
/// }
/// assert_eq!(probe(false).unwrap_err(), "no answer");
/// let device = probe(true)?;
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Debug)]
pub struct Probe {
    hardware: Managed<HardwareLife>,
    shared: Managed<SharedLife>,
    failed: bool,
}

impl Probe {
    /// What is tied to the hardware's lifetime.
    pub fn hardware(&self) -> &Managed<HardwareLife> {
        &self.hardware
    }

    /// What is tied to the lifetime of the handles.
    pub fn shared(&self) -> &Managed<SharedLife> {
        &self.shared
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.failed {
            self.hardware.release();
            self.shared.release();
        }
    }
}

impl<H: Part> Builder<H> {
    /// Makes a device by a driver's probe, which finds the hardware and may fail.
    ///
    /// # Errors
    /// The probe's.
    pub fn probe<S: Part, E>(self, probe: impl FnOnce(&Probe) -> Result<(S, H), E>) -> Result<Device<S, H>, E> {
        let mut run = Probe { hardware: Managed::new(), shared: Managed::new(), failed: true };
        let (shared, hardware) = probe(&run)?;
        run.failed = false;
        Ok(self.managed(&run.hardware).managed_shared(&run.shared).build(shared, hardware))
    }
}
