//! Answers on their way to clients' memory.

use super::crew::Crew;
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};

type Delivery = Box<dyn FnOnce() + Send>;

/// Delivers answers of drivers that answered later, on threads of its own: a client's memory may be one that never
/// comes, and the thread that brings the answer is the driver's or the clock's, which others need.
#[derive(Default)]
pub(super) struct Deliveries {
    /// `None` inside if there could be no thread.
    crew: OnceLock<Option<mpsc::Sender<Delivery>>>,
}

impl Deliveries {
    /// Has `delivery` made, soon. The crew starts with the first.
    pub(super) fn send(&self, delivery: Delivery) {
        let sent = match self.crew.get_or_init(start) {
            Some(crew) => crew.send(delivery).map_err(|mpsc::SendError(delivery)| delivery),
            None => Err(delivery),
        };
        // Better here than never.
        if let Err(delivery) = sent {
            delivery();
        }
    }
}

/// Ends with its sender.
fn start() -> Option<mpsc::Sender<Delivery>> {
    let (send, receive) = mpsc::channel::<Delivery>();
    let receive = Mutex::new(receive);
    let next = move || receive.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    let work = move |crew: &Crew| {
        while let Some(delivery) = crew.wait(&next) {
            delivery();
        }
    };
    Crew::start("answers", work).ok().map(|_| send)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_that_stalls_holds_up_no_other() {
        let deliveries = Deliveries::default();
        let (release, stall) = mpsc::channel::<()>();
        deliveries.send(Box::new(move || {
            let _ = stall.recv();
        }));
        let (tell, told) = mpsc::channel();
        deliveries.send(Box::new(move || tell.send(()).unwrap()));
        told.recv_timeout(Duration::from_secs(20)).unwrap();
        drop(release);
    }
}
