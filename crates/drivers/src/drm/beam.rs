//! The beam of one CRTC: which picture it is at, and when that ends.

use outlive_classes::drm::Pipe;
use std::time::Duration;

/// What a CRTC sends now, and what it will send from its next vertical blanking on.
#[derive(Debug, Default)]
pub(super) struct Beam {
    shown: Option<Pipe>,
    next: Option<(Duration, Pipe)>,
    /// When the first picture of this mode began.
    start: Duration,
    /// Somebody is to be told of the next vertical blanking.
    pub(super) armed: bool,
    /// Counts the modes, so that a timer of a former one is known.
    pub(super) turn: u64,
}

impl Beam {
    /// This is to be sent, if anything: in another mode at once, else from the next vertical blanking on.
    pub(super) fn show(&mut self, pipe: Option<&Pipe>, now: Duration) {
        self.latch(now);
        let same_mode = match (&self.shown, pipe) {
            (Some(shown), Some(pipe)) => shown.mode == pipe.mode && shown.connectors == pipe.connectors,
            (None, None) => true,
            _ => false,
        };
        match pipe {
            Some(pipe) if same_mode => self.next = self.until_next(now).map(|delay| (now + delay, pipe.clone())),
            _ if same_mode => {}
            _ => {
                *self = Beam { shown: pipe.cloned(), start: now, turn: self.turn + 1, ..Beam::default() };
            }
        }
    }

    /// What is sent at `now`.
    pub(super) fn shown(&mut self, now: Duration) -> Option<&Pipe> {
        self.latch(now);
        self.shown.as_ref()
    }

    fn latch(&mut self, now: Duration) {
        if let Some((_, pipe)) = self.next.take_if(|(due, _)| *due <= now) {
            self.shown = Some(pipe);
        }
    }

    fn period(&self) -> Option<Duration> {
        self.shown.as_ref().map(|pipe| pipe.mode.period())
    }

    /// How long ago the last vertical blanking was.
    pub(super) fn since_last(&self, now: Duration) -> Option<Duration> {
        let period = self.period()?;
        let nanoseconds = now.saturating_sub(self.start).as_nanos() % period.as_nanos().max(1);
        Some(Duration::from_nanos(nanoseconds as u64))
    }

    /// How long it is to the next one.
    pub(super) fn until_next(&self, now: Duration) -> Option<Duration> {
        Some(self.period()?.saturating_sub(self.since_last(now)?))
    }
}
