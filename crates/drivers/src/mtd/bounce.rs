//! Large pieces of data by DMA, from the client's memory to the flash's buffer and back.

use outlive::Cause;
use outlive_classes::{
    dma::{Copier, Rejected, Transfer},
    mtd::Order,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is smaller, in bytes, is not worth a descriptor.
const LARGE: usize = 4096;

/// Moves data by whatever engine there is. One that goes in the middle of it is not noticed, but for the time it takes.
#[derive(Debug)]
pub(super) struct Bounce(Copier);

impl Bounce {
    pub(super) fn new(copier: Copier) -> Self {
        Bounce(copier)
    }

    /// Goes on with `then` once `data` is there, unless the order has been cancelled meanwhile: then it is let go at once,
    /// and what the engine still copies is nobody's.
    pub(super) fn send(&self, order: Order, data: Vec<u8>, then: impl FnOnce(Vec<u8>, Order) + Send + 'static) {
        if data.len() < LARGE {
            return then(data, order);
        }
        let slot = Arc::new(Mutex::new(None));
        let there = Arc::downgrade(&slot);
        order.on_cancel(move |cause| {
            let order = there.upgrade().and_then(|slot| locked(&slot).take());
            order.into_iter().for_each(|order: Order| order.let_go(cause));
        });
        {
            // Under the lock, so that a cancellation is either seen here or finds the order in its place.
            let mut place = locked(&slot);
            let gone = order.handle().gone();
            if order.is_cancelled() || gone.is_some() {
                drop(place);
                return order.let_go(gone.map_or(Cause::Interrupted, Cause::Gone));
            }
            *place = Some(order);
        }
        let room = vec![0; data.len()];
        self.0.copy_then(Transfer::memcpy(data, room), move |copied| {
            // A plain copy is never invalid.
            let transfer = copied.map_or_else(|Rejected { transfer, .. }| transfer, |copied| copied.transfer);
            let order = locked(&slot).take();
            if let Some(order) = order {
                then(transfer.destination().to_vec(), order);
            }
        });
    }
}

fn locked(slot: &Mutex<Option<Order>>) -> MutexGuard<'_, Option<Order>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
