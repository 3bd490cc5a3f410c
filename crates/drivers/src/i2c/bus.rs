//! A bus with chips: one transfer at a time, in the order in which they came.

use super::{Chip, ChipConfig, ConfigError, wire};
use crate::clock::Clock;
use outlive::Cause;
use outlive_classes::i2c::{
    Adapter, Claim, Error, Message, Transfer,
    uapi::{flag, func},
};
use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A virtual I2C adapter and what hangs on it.
///
/// A transfer that touches no slow chip is answered at once. One that does is parked until its time has passed, and
/// takes effect then; what comes meanwhile waits behind it. Whatever waits lets go at once when it is cancelled.
#[derive(Debug)]
pub struct Bus {
    wires: Arc<Wires>,
    functionality: u32,
}

/// All that a bus can do.
const ALL: u32 = func::I2C_FUNC_I2C
    | func::I2C_FUNC_10BIT_ADDR
    | func::I2C_FUNC_PROTOCOL_MANGLING
    | func::I2C_FUNC_NOSTART
    | func::I2C_FUNC_SMBUS_EMUL_ALL;

/// A chip where it is.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) addresses: RangeInclusive<u16>,
    pub(super) slow: Duration,
    /// By which driver, if one in the kernel would have claimed it.
    pub(super) claimed: Option<Claim>,
    pub(super) chip: Box<dyn Chip>,
}

impl Slot {
    fn stand_in(&self) -> Self {
        let Slot { name, addresses, slow, claimed, chip } = self;
        let (name, addresses, claimed) = (name.clone(), addresses.clone(), claimed.clone());
        Slot { name, addresses, slow: *slow, claimed, chip: chip.stand_in() }
    }
}

#[derive(Debug)]
struct Wires {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chips: Vec<Slot>,
    /// The slow transfer that has the bus.
    parked: Option<Waiting>,
    /// Those behind it.
    queue: VecDeque<Waiting>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    /// Names it, since its number is one of its device's life and a bus may live through several.
    ticket: u64,
    messages: Vec<Message>,
    transfer: Transfer,
}

/// What is to be done once the lock is free again.
enum Next {
    Answer(Transfer, Result<Vec<Message>, Error>),
    Park(u64, Duration),
    Nothing,
}

impl Bus {
    /// A bus with `chips` on it, which live in the time of `clock`.
    ///
    /// # Errors
    /// [`ConfigError`], which says what is wrong and what to do.
    pub fn new(chips: &[ChipConfig], clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let mut slots: Vec<Slot> = Vec::new();
        for config in chips {
            let slot = config.build()?;
            let conflict = slots.iter().find_map(|other| Some((other, common(&slot.addresses, &other.addresses)?)));
            if let Some((other, address)) = conflict {
                return Err(ConfigError::Conflict { address, first: other.name.clone(), second: slot.name });
            }
            slots.push(slot);
        }
        let state = State { chips: slots, parked: None, queue: VecDeque::new(), next_ticket: 1 };
        Ok(Bus { wires: Arc::new(Wires { clock, state: Mutex::new(state) }), functionality: ALL })
    }

    /// Leaves it no more than these `I2C_FUNC_*` bits of what it can do. Without `I2C_FUNC_I2C` it is an adapter that
    /// knows SMBus transactions only.
    #[must_use]
    pub fn limited_to(self, functionality: u32) -> Self {
        Bus { functionality: self.functionality & functionality, ..self }
    }
}

/// The first address in both.
fn common(a: &RangeInclusive<u16>, b: &RangeInclusive<u16>) -> Option<u16> {
    let first = *a.start().max(b.start());
    (a.contains(&first) && b.contains(&first)).then_some(first)
}

impl Adapter for Bus {
    fn functionality(&self) -> u32 {
        self.functionality
    }

    fn transfer(&self, messages: Vec<Message>, transfer: Transfer) {
        Wires::take(&self.wires, messages, transfer);
    }

    fn stand_in(&self) -> Option<Box<dyn Adapter>> {
        let chips = self.wires.state().chips.iter().map(Slot::stand_in).collect();
        let state = State { chips, parked: None, queue: VecDeque::new(), next_ticket: 1 };
        let wires = Arc::new(Wires { clock: self.wires.clock.clone(), state: Mutex::new(state) });
        Some(Box::new(Bus { wires, functionality: self.functionality }))
    }

    fn claims(&self) -> Vec<Claim> {
        self.wires.state().chips.iter().filter_map(|slot| slot.claimed.clone()).collect()
    }

    fn is_claimed(&self, address: u16) -> bool {
        self.wires.state().chips.iter().any(|slot| slot.claimed.is_some() && slot.addresses.contains(&address))
    }
}

/// Gives back a transfer whose cancellation came before there was a place to find it.
fn let_go(transfer: Transfer) {
    let cause = transfer.handle().gone().map_or(Cause::Interrupted, Cause::Gone);
    transfer.let_go(cause);
}

impl Wires {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(wires: &Arc<Self>, messages: Vec<Message>, transfer: Transfer) {
        let ticket = {
            let mut state = wires.state();
            let is_free = state.parked.is_none() && state.queue.is_empty();
            if is_free && state.slowness(&messages).is_zero() {
                let (transfer, answer) = state.carry_out(messages, transfer, &*wires.clock);
                drop(state);
                return transfer.answer(answer);
            }
            state.next_ticket += 1;
            state.next_ticket
        };
        let weak = Arc::downgrade(wires);
        transfer
            .on_cancel(move |cause| weak.upgrade().into_iter().for_each(|wires| Wires::cancel(&wires, ticket, cause)));
        {
            // Under the lock, so that a cancellation is either seen here or finds the transfer in the queue. The mark
            // is looked for by itself: from it on a hook is called as it is registered, which may be before the client
            // has been told.
            let mut state = wires.state();
            if transfer.is_cancelled() || transfer.handle().gone().is_some() {
                drop(state);
                return let_go(transfer);
            }
            let is_free = state.parked.is_none() && state.queue.is_empty();
            state.queue.push_back(Waiting { ticket, messages, transfer });
            // A queue that is not empty is somebody's who is going through it, and who will come to this one.
            if !is_free {
                return;
            }
        }
        Wires::go_on(wires);
    }

    /// Gives the bus to those who wait, until it is taken or nobody does.
    fn go_on(wires: &Arc<Self>) {
        loop {
            let next = wires.state().next(&*wires.clock);
            match next {
                Next::Answer(transfer, answer) => transfer.answer(answer),
                Next::Park(ticket, delay) => {
                    let weak = Arc::downgrade(wires);
                    let then = move || weak.upgrade().into_iter().for_each(|wires| Wires::finish(&wires, ticket));
                    return wires.clock.after(delay, Box::new(then));
                }
                Next::Nothing => return,
            }
        }
    }

    /// The time of a slow transfer has passed. It may have been cancelled since.
    fn finish(wires: &Arc<Self>, ticket: u64) {
        let finished = {
            let mut state = wires.state();
            let parked = state.parked.take_if(|parked| parked.ticket == ticket);
            parked.map(|parked| state.carry_out(parked.messages, parked.transfer, &*wires.clock))
        };
        if let Some((transfer, answer)) = finished {
            transfer.answer(answer);
            Wires::go_on(wires);
        }
    }

    fn cancel(wires: &Arc<Self>, ticket: u64, cause: Cause) {
        let waiting = wires.state().remove(ticket);
        let Some(waiting) = waiting else { return };
        waiting.transfer.let_go(cause);
        // At the mark everybody's turn to be cancelled comes; nothing more is begun.
        if cause == Cause::Interrupted {
            Wires::go_on(wires);
        }
    }
}

impl State {
    /// How long `messages` take: as long as the slowest chip that they are for.
    fn slowness(&self, messages: &[Message]) -> Duration {
        let is_touched = |slot: &&Slot| {
            messages
                .iter()
                .filter(|message| message.flags & (flag::I2C_M_TEN | flag::I2C_M_NOSTART) == 0)
                .any(|message| slot.addresses.contains(&message.address))
        };
        self.chips.iter().filter(is_touched).map(|slot| slot.slow).max().unwrap_or_default()
    }

    fn carry_out(
        &mut self,
        mut messages: Vec<Message>,
        transfer: Transfer,
        clock: &dyn Clock,
    ) -> (Transfer, Result<Vec<Message>, Error>) {
        // Where the kernel's vDSO does not tell the time, as in some guests, a look at the clock is a system call.
        let heeded = self.chips.iter().any(|slot| slot.chip.heeds_time());
        let now = if heeded { clock.now() } else { Duration::ZERO };
        let done = wire::transfer(&mut self.chips, &mut messages, now);
        (transfer, done.map(|()| messages))
    }

    fn next(&mut self, clock: &dyn Clock) -> Next {
        if self.parked.is_some() {
            return Next::Nothing;
        }
        let Some(waiting) = self.queue.pop_front() else { return Next::Nothing };
        let slowness = self.slowness(&waiting.messages);
        if slowness.is_zero() {
            let (transfer, answer) = self.carry_out(waiting.messages, waiting.transfer, clock);
            return Next::Answer(transfer, answer);
        }
        let ticket = waiting.ticket;
        self.parked = Some(waiting);
        Next::Park(ticket, slowness)
    }

    fn remove(&mut self, ticket: u64) -> Option<Waiting> {
        self.parked.take_if(|parked| parked.ticket == ticket).or_else(|| {
            let place = self.queue.iter().position(|waiting| waiting.ticket == ticket)?;
            self.queue.remove(place)
        })
    }
}
