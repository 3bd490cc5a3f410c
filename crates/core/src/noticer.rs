use crate::{
    Policy, Reason,
    device::{Owner, Part},
    life::Life,
    sync::{Arc, Mutex, PlainArc, lock},
};
use core::fmt;

/// A driver's way to say that its hardware has gone (I34): a bus that answers nothing any more, a server that hung up.
///
/// It is made before the device, so that the hardware can own it; [`Device::noticed_by`](crate::Device::noticed_by) ties
/// the two. It keeps neither the device nor anything of it alive.
///
/// ```
/// use outlive::{Device, Noticer, Reason};
///
/// struct Sensor { noticer: Noticer }
/// impl Sensor {
///     fn read(&self) -> u8 {
///         self.noticer.gone(Reason::Pulled);              // from inside an operation, as here, or from anywhere
///         0xff
///     }
/// }
///
/// let noticer = Noticer::new();
/// let device = Device::new((), Sensor { noticer: noticer.clone() });
/// device.noticed_by(&noticer);
/// let handle = device.open().unwrap();
/// assert_eq!(handle.enter().unwrap().read(), 0xff);       // the driver's own answer passes through as it is
/// assert_eq!(handle.gone().unwrap().reason, Reason::Pulled);
/// ```
#[derive(Clone, Default)]
pub struct Noticer {
    notice: PlainArc<Mutex<Notice>>,
}

#[derive(Default)]
enum Notice {
    /// There is no device yet.
    #[default]
    Nothing,
    /// It was noticed before there was a device.
    Noticed(Reason),
    Attached(Mark),
}

type Mark = PlainArc<dyn Fn(Reason) + Send + Sync>;

impl Noticer {
    /// One that is tied to no device.
    pub fn new() -> Self {
        Self::default()
    }

    /// Marks the device: from here on it is gone, and its users know. Its owner waits for the fence when it unplugs it.
    /// Without a device yet it is kept for the one that comes.
    pub fn gone(&self, reason: Reason) {
        let mut notice = lock(&self.notice);
        let mark = match &*notice {
            Notice::Attached(mark) => mark.clone(),
            Notice::Noticed(_) => return,
            Notice::Nothing => {
                *notice = Notice::Noticed(reason);
                return;
            }
        };
        drop(notice);
        mark(reason);
    }

    pub(crate) fn attach<S: Part, H: Part>(&self, life: &Arc<Life<S, H>>) {
        let life = crate::sync::downgrade(life);
        let mark: Mark = PlainArc::new(move |reason| {
            // One of the owners, for as long as it takes: the last one must not leave while its steps are being taken.
            if let Some(owner) = life.upgrade().as_ref().and_then(Owner::join) {
                owner.life.begin_removal(reason, Policy::Detach);
            }
        });
        let before = core::mem::replace(&mut *lock(&self.notice), Notice::Attached(mark.clone()));
        if let Notice::Noticed(reason) = before {
            mark(reason);
        }
    }
}

impl fmt::Debug for Noticer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Noticer")
    }
}
