use crate::{
    Device, HardwareLife, Managed, Number, Part, SharedLife, State, Step, Users,
    life::{Life, Terms},
    sync::Mutex,
};
use alloc::boxed::Box;
use core::fmt;

/// Makes a device that has more to it than [`Device::new`] gives it.
///
/// ```
/// use outlive::{Builder, Reason, REMOVAL_BUDGET};
///
/// let device = Builder::new()
///     .teardown(|disk: &mut Vec<u8>| disk.push(0))        // park the head: the hardware is still there
///     .build("a disk", vec![1, 2]);
/// let disk = device.unplug(Reason::Orderly).wait(REMOVAL_BUDGET)?;
/// assert_eq!(disk, Some(vec![1, 2, 0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is there until it is built"]
pub struct Builder<H> {
    terms: Option<Box<Terms<H>>>,
    state: State,
}

impl<H> Builder<H> {
    /// One that makes what [`Device::new`] makes.
    pub fn new() -> Self {
        Builder { terms: None, state: State::Running }
    }

    fn terms(&mut self) -> &mut Terms<H> {
        self.terms.get_or_insert_with(|| {
            let (coming_and_going, teardown) = (Mutex::new(()), Mutex::new(None));
            Box::new(Terms {
                observer: None,
                users: None,
                coming_and_going,
                teardown,
                number: None,
                hardware_actions: None,
                shared_actions: None,
            })
        })
    }

    /// Watches its life: `observer` is called at each [`Step`] once its hooks have returned, on the thread that takes
    /// it, before whoever waits for the removal gets the hardware. It may call anything, also the device; one that
    /// panics stops nothing.
    pub fn observed(mut self, observer: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.terms().observer = Some(Box::new(observer));
        self
    }

    /// Lets the driver hear of its users, and refuse them.
    pub fn users(mut self, users: impl Users<H> + 'static) -> Self {
        self.terms().users = Some(Box::new(users));
        self
    }

    /// The driver's last word to the hardware (to flush a cache, to park a head): called after the drain, by whoever
    /// then has the hardware alone, while all users are refused; not if the hardware went first (I11, I12).
    pub fn teardown(mut self, last_word: impl FnOnce(&mut H) + Send + 'static) -> Self {
        self.terms().teardown = Mutex::new(Some(Box::new(last_word)));
        self
    }

    /// Its number, which it keeps until the last handle is closed (I27); what [`Status`](crate::Status) tells of it.
    pub fn number(mut self, number: Number) -> Self {
        self.terms().number = Some(number);
        self
    }

    /// Gives it a list of what is to be released with the hardware: after the driver's last word, before the hardware is
    /// given back (I32). A list serves one device.
    pub fn managed(mut self, list: &Managed<HardwareLife>) -> Self {
        self.terms().hardware_actions = Some(list.clone());
        self
    }

    /// Gives it a list of what is to be released when its last handle has been closed (I29).
    pub fn managed_shared(mut self, list: &Managed<SharedLife>) -> Self {
        self.terms().shared_actions = Some(list.clone());
        self
    }

    /// Makes it [created](State::Created) only: nobody can open it until it is set [running](State::Running).
    pub fn created(mut self) -> Self {
        self.state = State::Created;
        self
    }

    /// Makes it.
    pub fn build<S: Part>(self, shared: S, hardware: H) -> Device<S, H>
    where
        H: Part,
    {
        Device::of(Life::new(shared, hardware, self.state, self.terms))
    }
}

impl<H> Default for Builder<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H> fmt::Debug for Builder<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("state", &self.state).finish_non_exhaustive()
    }
}
