use crate::{State, Unplug, device::Part, hook::remember, sync::lock};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// The rest of a removal as a future, on any executor: what [`Unplug::wait`] gives, without a limit. Dropping it gives
/// up waiting; the device goes all the same.
#[must_use = "the fence holds only once it has come to its end"]
pub struct Finish<S: Part, H: Part> {
    unplug: Unplug<S, H>,
    over: bool,
}

impl<S: Part, H: Part> Finish<S, H> {
    pub(crate) fn new(unplug: Unplug<S, H>) -> Self {
        Finish { unplug, over: false }
    }
}

impl<S: Part, H: Part> Future for Finish<S, H> {
    type Output = Option<H>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<H>> {
        assert!(!self.over, "a removal finishes once");
        let life = self.unplug.life();
        // In a copy that fork(2) made it never finishes, since those inside may never leave.
        if life.gate.is_copy() {
            return Poll::Pending;
        }
        let mut book = lock(&life.book);
        if book.acting.is_some() {
            remember(&mut book.pages().wakers, context.waker());
            return Poll::Pending;
        }
        drop(book);
        let Ok(hardware) = life.gate.poll_drain(context.waker()) else { return Poll::Pending };
        let hardware = match hardware {
            Some(hardware) => Some(life.take_apart(hardware)),
            None => {
                // Another has it: it ends when that one has taken it apart.
                let mut book = lock(&life.book);
                if book.state != State::Gone {
                    remember(&mut book.pages().wakers, context.waker());
                    return Poll::Pending;
                }
                None
            }
        };
        self.over = true;
        Poll::Ready(hardware)
    }
}

impl<S: Part, H: Part> fmt::Debug for Finish<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Finish")
    }
}
