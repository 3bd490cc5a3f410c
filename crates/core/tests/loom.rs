//! Models of the device's life: loom runs each small scenario in every order that the threads, and the memory, may
//! take. Run by `RUSTFLAGS="--cfg loom" cargo test -p outlive --release --test loom`.
//!
//! Each model is run as it is, and must pass; and with the bugs planted that it is there to find, and must fail in the
//! expected way. loom has no time, so a model waits without a limit or with a limit of zero.
#![cfg(loom)]

#[path = "loom/locks.rs"]
mod locks;
mod planted;

use locks::{in_turns, told};
use loom::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use outlive::{
    BareGate, Builder, Cause, Device, Driver, Handle, HardwareLife, Item, Managed, Numbers, Outcome, Probe, Reason,
    Refused, Registry, Request, State, Step, Subscribers, Tree, asleep, asymmetric,
    mutants::{Mutant, plant},
};
use std::time::Duration;

const NO_LIMIT: Duration = Duration::MAX;

/// Hardware that notices when its owner reaches for it while somebody else may: loom fails an access by `with_mut` that
/// any other access is not ordered with. (The gate's own cell is checked in the same way.)
struct Canary(AtomicUsize);

impl Canary {
    fn new() -> Self {
        Canary(AtomicUsize::new(0))
    }

    fn touch(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    fn take_apart(mut self) -> usize {
        self.0.with_mut(|touched| std::mem::replace(touched, usize::MAX))
    }
}

/// Runs `scenario` in every order; or, where the scenario is too large for that, in every order with at most
/// `preemptions` switches away from a thread that could have gone on. (Three find each bug planted here. Without a bound
/// `abandoned` passes in some four minutes; `guards`, whose small twin `one_guard` has none, does not end in eight.)
fn explore(preemptions: Option<usize>, scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    // The nightly run has no bounds.
    builder.preemption_bound = preemptions.filter(|_| std::env::var_os("OUTLIVE_UNBOUNDED_MODELS").is_none());
    let runs = std::sync::atomic::AtomicUsize::new(0);
    let runs = std::sync::Arc::new(runs);
    let counted = runs.clone();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    println!("{} executions", runs.load(Ordering::Relaxed));
}

/// As `explore`, with fences as membarrier(2) makes them: for the models of the gate by itself.
fn explore_gate(preemptions: Option<usize>, scenario: impl Fn() + Send + Sync + 'static) {
    asymmetric(true);
    explore(preemptions, scenario);
    asymmetric(false);
}

/// Enters, touches, leaves.
fn visit(gate: BareGate<Canary>) {
    if let Some(guard) = gate.enter() {
        guard.touch();
    }
}

/// Unplugs: the mark, the drain, and the hardware taken apart.
fn unplug(gate: BareGate<Canary>) {
    gate.mark();
    gate.drain().expect("nobody else takes it").take_apart();
}

/// I7, I9: a guard in a slot, and the one who unplugs, who may have to sleep until it has left.
fn slot() {
    explore_gate(None, || {
        let gate = BareGate::new(Canary::new());
        let reader = thread::spawn(move || visit(gate));
        unplug(gate);
        reader.join().unwrap();
    });
}

/// As `slot`, with two threads and so two lines, of which one is made while the other may be scanned.
fn two_lines() {
    explore_gate(Some(3), || {
        let gate = BareGate::new(Canary::new());
        let readers: Vec<_> = (0..2).map(|_| thread::spawn(move || visit(gate))).collect();
        unplug(gate);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

/// A slot that says another device by the time it is scanned.
fn reused_slot() {
    explore_gate(Some(5), || {
        let (gate, other) = (BareGate::new(Canary::new()), BareGate::new(Canary::new()));
        let reader = thread::spawn(move || {
            visit(gate);
            visit(other);
        });
        unplug(gate);
        reader.join().unwrap();
    });
}

/// A guard that is dropped by another thread, while its own thread fills the slot again. (The one who drops it may not
/// have come to the lock when the slot is scanned, so what it did is known by way of the slot alone.)
fn moved_guard() {
    explore_gate(Some(3), || {
        let (gate, other) = (BareGate::new(Canary::new()), BareGate::new(Canary::new()));
        let guard = gate.enter().unwrap();
        let elsewhere = thread::spawn(move || guard.touch());
        let remover = thread::spawn(move || unplug(gate));
        let refilled = other.enter();
        asleep(|| {
            elsewhere.join().unwrap();
            remover.join().unwrap();
        });
        drop(refilled);
    });
}

/// A guard that outlives its thread, whose line goes to another.
fn handed_line() {
    explore_gate(Some(3), || {
        let (gate, other) = (BareGate::new(Canary::new()), BareGate::new(Canary::new()));
        let left = thread::spawn(move || gate.enter().map(|guard| thread::spawn(move || guard.touch())));
        let next = thread::spawn(move || visit(other));
        unplug(gate);
        next.join().unwrap();
        if let Some(elsewhere) = left.join().unwrap() {
            elsewhere.join().unwrap();
        }
    });
}

/// A guard that finds no slot, and is counted.
fn counted() {
    explore_gate(Some(5), || {
        let (gate, other) = (BareGate::new(Canary::new()), BareGate::new(Canary::new()));
        let reader = thread::spawn(move || {
            let _full = (other.enter(), other.enter());
            visit(gate);
        });
        unplug(gate);
        reader.join().unwrap();
    });
}

/// A guard that goes from its slot to the count. There is a free slot before its own, which a scan has passed already.
fn change_over() {
    explore_gate(Some(5), || {
        let (gate, other) = (BareGate::new(Canary::new()), BareGate::new(Canary::new()));
        let reader = thread::spawn(move || {
            let first = other.enter();
            let second = gate.enter();
            drop(first);
            if let Some(guard) = second {
                guard.into_counted().touch();
            }
        });
        unplug(gate);
        reader.join().unwrap();
    });
}

/// I4: two devices go at once, while one thread is inside both.
fn two_gates() {
    explore_gate(Some(3), || {
        let (gate, other) = (BareGate::new(Canary::new()), BareGate::new(Canary::new()));
        let reader = thread::spawn(move || {
            let _outer = gate.enter();
            visit(other);
        });
        let second = thread::spawn(move || unplug(other));
        unplug(gate);
        second.join().unwrap();
        reader.join().unwrap();
    });
}

/// Nobody waits for the hardware, which goes to its heir with the last of a slot and a count.
fn heir() {
    explore_gate(Some(5), || {
        let gate = BareGate::new(Canary::new());
        let inherited = Arc::new(AtomicUsize::new(0));
        let count = inherited.clone();
        let inside = gate.enter_counted();
        let reader = thread::spawn(move || visit(gate));
        gate.mark();
        gate.leave_to(move |canary| {
            canary.take_apart();
            count.fetch_add(1, Ordering::Relaxed);
        });
        if inside {
            gate.exit_counted();
        }
        reader.join().unwrap();
        assert_eq!(inherited.load(Ordering::Relaxed), 1, "the hardware was not inherited once");
    });
}

/// I7, I9: whoever enters has the hardware to itself and the others inside; whoever unplugs has it alone.
fn guards() {
    explore(Some(2), || {
        let device = Device::new((), Canary::new());
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let handle = device.open().unwrap();
                thread::spawn(move || match handle.enter() {
                    Ok(guard) => guard.touch(),
                    Err(gone) => assert_eq!(gone.reason, Reason::Pulled),
                })
            })
            .collect();
        let canary = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap();
        assert!(canary.take_apart() <= 2);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

/// As `guards`, with one reader and a wider bound.
fn one_guard() {
    explore(Some(4), || {
        let device = Device::new((), Canary::new());
        let handle = device.open().unwrap();
        let reader = thread::spawn(move || {
            if let Ok(guard) = handle.enter() {
                guard.touch();
            }
        });
        let canary = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap();
        assert!(canary.take_apart() <= 1);
        reader.join().unwrap();
    });
}

/// I6, I7: an operation that is moved to another thread holds the fence up from there; the wait that gave up waits on.
fn moved_operation() {
    explore(Some(4), || {
        let device = Device::new((), Canary::new());
        let handle = device.open().unwrap();
        let operation = handle.begin("moved").unwrap();
        let worker = thread::spawn(move || {
            if let Ok(guard) = operation.handle().enter() {
                guard.touch();
            }
            drop(operation);
        });
        let canary = match device.unplug(Reason::Pulled).wait(Duration::ZERO) {
            Ok(canary) => canary.unwrap(),
            Err(busy) => busy.wait(NO_LIMIT).unwrap().unwrap(),
        };
        assert!(canary.take_apart() <= 1);
        assert!(device.inside().is_empty(), "somebody is inside after the fence");
        worker.join().unwrap();
    });
}

/// I10, I13: of two unplugs one acts, and the steps are taken once, in their order.
fn two_unplugs() {
    explore(Some(3), || {
        let steps = Arc::new(Mutex::new(Vec::new()));
        let seen = steps.clone();
        let device = Builder::new().observed(move |step| seen.lock().unwrap().push(step)).build((), Canary::new());
        let device = Arc::new(device);
        let other = device.clone();
        let second = thread::spawn(move || {
            let canary = other.unplug(Reason::Orderly).wait(NO_LIMIT).unwrap();
            assert_eq!(other.step(), Step::Released);
            canary.map(Canary::take_apart)
        });
        let canary = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap();
        assert_eq!(device.step(), Step::Released);
        let taken = [canary.map(Canary::take_apart), second.join().unwrap()];
        assert_eq!(taken.iter().flatten().count(), 1, "one unplug gets the hardware");
        let all = &Step::ALL[1..7];
        assert_eq!(*steps.lock().unwrap(), all, "the steps, once and in order");
    });
}

/// I7, I13: an unplug returns after the hooks that the other one runs, too.
fn hooks_or_fence() {
    explore(Some(3), || {
        let device = Arc::new(Device::new((), Canary::new()));
        let operation = device.open().unwrap().begin("with a hook").unwrap();
        let told = Arc::new(AtomicUsize::new(0));
        let tell = told.clone();
        let parked = Arc::new(Mutex::new(None));
        let taken = parked.clone();
        operation.on_cancel(move |_| {
            let operation = taken.lock().unwrap().take();
            // Out of the gate, but still in the driver.
            drop(operation);
            tell.store(1, Ordering::Relaxed);
        });
        *parked.lock().unwrap() = Some(operation);
        let other = device.clone();
        let second =
            thread::spawn(move || other.unplug(Reason::Orderly).wait(NO_LIMIT).unwrap().map(Canary::take_apart));
        device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().map(Canary::take_apart);
        assert_eq!(told.load(Ordering::Relaxed), 1, "the fence before the hooks");
        second.join().unwrap();
    });
}

/// I25: a handle is born before the fence or not at all.
fn open_or_unplug() {
    explore(None, || {
        let device = Arc::new(Device::new((), Canary::new()));
        let other = device.clone();
        let opener = thread::spawn(move || other.open().ok());
        let canary = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap();
        let handles = device.handles();
        canary.take_apart();
        let handle = opener.join().unwrap();
        assert_eq!(handles, usize::from(handle.is_some()), "a handle was born after the fence");
        assert!(handle.is_none_or(|zombie| zombie.enter().is_err() && zombie.reopen().is_err()));
    });
}

type Parked = Request<(), Canary, u32>;

/// A request whose replies are counted: what it answers to, and the outcomes.
fn request(handle: &Handle<(), Canary>) -> (Parked, Arc<Mutex<Vec<Outcome<u32>>>>) {
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let heard = outcomes.clone();
    let request = Request::new(handle.begin("request").unwrap(), move |outcome| heard.lock().unwrap().push(outcome));
    (request, outcomes)
}

fn is_gone(outcome: &Outcome<u32>) -> bool {
    matches!(outcome, Outcome::Cancelled(Cause::Gone(_)))
}

/// I17: answered by its driver or cancelled by the mark, and the client hears of one of the two, once.
fn answer_or_mark() {
    explore(None, || {
        let device = Device::new((), Canary::new());
        let (request, outcomes) = request(&device.open().unwrap());
        let driver = thread::spawn(move || request.answer(7));
        let canary = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap();
        canary.take_apart();
        driver.join().unwrap();
        let outcomes = outcomes.lock().unwrap();
        assert_eq!(outcomes.len(), 1, "heard {outcomes:?}");
        assert!(outcomes[0] == Outcome::Done(7) || is_gone(&outcomes[0]));
    });
}

/// I2, I17: a driver parks a request and registers the hook that lets it go, while the mark comes. The fence comes, and
/// the client hears that its device went, not that the driver forgot.
fn parked_or_mark() {
    explore(Some(4), || {
        let device = Device::new((), Canary::new());
        let (request, outcomes) = request(&device.open().unwrap());
        let driver = thread::spawn(move || {
            let place = Arc::new(Mutex::new(None));
            let parked = place.clone();
            // As a driver's table of waiting transfers: the hook takes its entry out, or leaves word if it comes first.
            let told = Arc::new(AtomicUsize::new(0));
            let tell = told.clone();
            request.on_cancel(move |_| {
                tell.store(1, Ordering::Release);
                let taken: Option<Parked> = parked.lock().unwrap().take();
                drop(taken);
            });
            *place.lock().unwrap() = Some(request);
            if told.load(Ordering::Acquire) == 1 {
                let taken = place.lock().unwrap().take();
                drop(taken);
            }
        });
        let canary = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap();
        canary.take_apart();
        driver.join().unwrap();
        let outcomes = outcomes.lock().unwrap();
        assert!(outcomes.len() == 1 && is_gone(&outcomes[0]), "heard {outcomes:?}");
    });
}

/// I8, I17: a client gives up while the driver answers and the device goes. No hook of the driver's runs after the
/// fence, and the client hears once.
fn interrupt_or_answer() {
    explore(Some(3), || {
        let device = Device::new((), Canary::new());
        let handle = device.open().unwrap();
        let (request, outcomes) = request(&handle);
        let fenced = Arc::new(AtomicUsize::new(0));
        let late = fenced.clone();
        request
            .on_cancel(move |_| assert_eq!(late.load(Ordering::Relaxed), 0, "the driver was called after the fence"));
        let number = request.number();
        let client = thread::spawn(move || handle.cancel(number));
        let driver = thread::spawn(move || request.answer(7));
        let canary = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap();
        fenced.store(1, Ordering::Relaxed);
        canary.take_apart();
        client.join().unwrap();
        driver.join().unwrap();
        assert_eq!(outcomes.lock().unwrap().len(), 1);
    });
}

/// I17: a client's cancellation that comes before the driver has registered its hook reaches the hook all the same.
fn interrupt_or_park() {
    explore(None, || {
        let device = Device::new((), Canary::new());
        let handle = device.open().unwrap();
        let (request, outcomes) = request(&handle);
        let number = request.number();
        let client = thread::spawn(move || handle.cancel(number));
        let told = Arc::new(AtomicUsize::new(0));
        let tell = told.clone();
        request.on_cancel(move |_| tell.store(1, Ordering::Relaxed));
        assert!(client.join().unwrap());
        assert_eq!(told.load(Ordering::Relaxed), 1, "the driver was not told");
        assert!(request.is_cancelled());
        drop(request);
        assert_eq!(*outcomes.lock().unwrap(), [Outcome::Cancelled(Cause::Interrupted)]);
    });
}

/// I1: a client that is slow to take its answer (here: until the device is gone) holds no unplug up.
fn slow_client() {
    explore(None, || {
        let device = Device::new((), Canary::new());
        let handle = device.open().unwrap();
        let removed = Arc::new((Mutex::new(false), loom::sync::Condvar::new()));
        let slow = removed.clone();
        let operation = handle.begin("slow to take its answer").unwrap();
        let request = Request::new(operation, move |outcome| {
            if let Outcome::Done(()) = outcome {
                let mut removed = slow.0.lock().unwrap();
                while !*removed {
                    removed = slow.1.wait(removed).unwrap();
                }
            }
        });
        let driver = thread::spawn(move || request.answer(()));
        device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap().take_apart();
        *removed.0.lock().unwrap() = true;
        removed.1.notify_all();
        driver.join().unwrap();
    });
}

/// I2, I19: whoever goes to sleep while the mark comes is woken, once.
fn watch_or_mark() {
    explore(None, || {
        let device = Device::new((), Canary::new());
        let handle = device.open().unwrap();
        let woken = Arc::new(AtomicUsize::new(0));
        let wake = woken.clone();
        let sleeper = thread::spawn(move || {
            handle.on_gone(move |_| {
                wake.fetch_add(1, Ordering::Relaxed);
            })
        });
        device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap().take_apart();
        drop(sleeper.join().unwrap());
        assert_eq!(woken.load(Ordering::Relaxed), 1, "the sleeper was not woken once");
    });
}

/// Hardware that counts its drops.
struct Dropped {
    canary: Canary,
    drops: Arc<AtomicUsize>,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.canary.0.with_mut(|touched| *touched = usize::MAX);
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// I22, I29: the hardware of an abandoned device goes with the last one inside, once, and not with the last handle.
fn abandoned() {
    explore(Some(2), || {
        let drops = Arc::new(AtomicUsize::new(0));
        let device = Device::new((), Dropped { canary: Canary::new(), drops: drops.clone() });
        let handle = device.open().unwrap();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || {
                    if let Ok(guard) = handle.enter() {
                        guard.canary.touch();
                    }
                })
            })
            .collect();
        drop(device);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert_eq!(drops.load(Ordering::Relaxed), 1, "the hardware waits for the last handle");
        assert_eq!(handle.gone().unwrap().reason, Reason::Abandoned);
    });
}

/// I27: of two who claim a number one gets it.
fn claims() {
    explore(None, || {
        let numbers = Numbers::new();
        let others = numbers.clone();
        let other = thread::spawn(move || others.claim(7).ok());
        let mine = numbers.claim(7).ok();
        let theirs = other.join().unwrap();
        assert_ne!(mine.is_some(), theirs.is_some(), "one number, two owners");
    });
}

/// What the driver's code checks: whether the fence has come.
#[derive(Clone)]
struct Fence(Arc<AtomicUsize>);

impl Fence {
    fn new() -> Self {
        Fence(Arc::new(AtomicUsize::new(0)))
    }

    /// By the one who has the hardware back.
    fn came(&self, canary: Canary) {
        self.0.store(1, Ordering::Relaxed);
        canary.take_apart();
    }

    fn not_yet(&self) {
        assert_eq!(self.0.load(Ordering::Relaxed), 0, "the driver's, after the fence");
    }
}

/// I9: an operation begins before the mark or not at all.
fn begin_or_mark() {
    explore(None, || {
        let device = Device::new((), Canary::new());
        let (handle, fence) = (device.open().unwrap(), Fence::new());
        let inside = fence.clone();
        let client = thread::spawn(move || {
            if let Ok(operation) = handle.begin("late") {
                inside.not_yet();
                drop(operation);
            }
        });
        fence.came(device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap());
        client.join().unwrap();
    });
}

/// I8: what a hook owns is dropped before the fence, also by an operation that leaves as the mark comes.
fn hooks_or_mark() {
    struct Owned(Fence);
    impl Drop for Owned {
        fn drop(&mut self) {
            self.0.not_yet();
        }
    }
    explore(None, || {
        let device = Device::new((), Canary::new());
        let fence = Fence::new();
        let operation = device.open().unwrap().begin("with a hook").unwrap();
        let owned = Owned(fence.clone());
        operation.on_cancel(move |_| drop(owned));
        let driver = thread::spawn(move || drop(operation));
        fence.came(device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap());
        driver.join().unwrap();
    });
}

/// I7, I17: a request that its driver keeps outside holds no fence up, comes back in before the mark or not at all, and
/// is answered once.
fn parked_outside_or_mark() {
    explore(None, || {
        let device = Device::new((), Canary::new());
        let fence = Fence::new();
        let (request, outcomes) = request(&device.open().unwrap());
        let parked = request.park();
        let inside = fence.clone();
        let driver = thread::spawn(move || {
            if let Ok(request) = parked.resume() {
                inside.not_yet();
                request.answer(7);
            }
        });
        fence.came(device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap());
        driver.join().unwrap();
        let outcomes = outcomes.lock().unwrap();
        assert!(outcomes.len() == 1 && (outcomes[0] == Outcome::Done(7) || is_gone(&outcomes[0])), "{outcomes:?}");
    });
}

/// I5: a call that meets a device as it is blocked is parked or carried out, and what is parked is resumed once, by the
/// device's running again or by its removal.
fn parked_or_resumed() {
    explore(Some(3), || {
        let device = Device::new((), Canary::new());
        let handle = device.open().unwrap();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let heard = ends.clone();
        let client = thread::spawn(move || {
            handle.begin_or_park("call", move |begun| heard.lock().unwrap().push(begun.map(drop)));
        });
        device.set_state(State::Blocked).unwrap();
        device.set_state(State::Running).unwrap();
        device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap().take_apart();
        client.join().unwrap();
        let ends = ends.lock().unwrap();
        assert_eq!(ends.len(), 1, "resumed once");
        assert!(matches!(ends[0], Ok(()) | Err(Refused::Gone(_))), "refused though it could wait: {ends:?}");
    });
}

/// I32: whatever way an action takes, it has run when the hardware is given back, and not before the fence.
fn managed(take: fn(Managed<HardwareLife>, Arc<AtomicUsize>)) {
    let list = Managed::<HardwareLife>::new();
    let device = Builder::new().managed(&list).build((), Canary::new());
    let ran = Arc::new(AtomicUsize::new(0));
    let other = ran.clone();
    let elsewhere = thread::spawn(move || take(list, other));
    device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap().take_apart();
    ran.store(100, Ordering::Release);
    elsewhere.join().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 100, "an action after the hardware was given back");
}

/// An action of [`managed`].
fn runs(ran: &Arc<AtomicUsize>) -> impl FnOnce() + Send + 'static {
    let ran = ran.clone();
    move || assert!(ran.swap(1, Ordering::AcqRel) < 100, "an action after the hardware was given back")
}

/// An action is taken and run, or refused.
fn added_or_over() {
    explore(Some(3), || {
        let list = Managed::<HardwareLife>::new();
        let device = Builder::new().managed(&list).build((), Canary::new());
        let ran = Arc::new(AtomicUsize::new(0));
        let action = runs(&ran);
        let driver = thread::spawn(move || list.action(action).is_ok());
        device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap().take_apart();
        let added = driver.join().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed) == 1, added, "an action was lost");
    });
}

fn group_or_end() {
    explore(Some(3), || {
        managed(|list, ran| {
            if let Ok(group) = list.group() {
                let _ = group.action(runs(&ran));
                group.release();
            }
        });
    });
}

fn early_or_end() {
    explore(Some(3), || {
        managed(|list, ran| {
            if let Ok(action) = list.action(runs(&ran)) {
                action.run_now();
            }
        });
    });
}

/// I32: the latest first, and none while somebody is inside.
fn released_in_reverse() {
    explore(Some(3), || {
        let list = Managed::<HardwareLife>::new();
        let device = Builder::new().managed(&list).build((), Canary::new());
        let order = Arc::new(Mutex::new(Vec::new()));
        for number in [1, 2] {
            let order = order.clone();
            list.action(move || order.lock().unwrap().push(number)).unwrap();
        }
        let (handle, seen) = (device.open().unwrap(), order.clone());
        let reader = thread::spawn(move || {
            if let Ok(_inside) = handle.enter() {
                assert!(asleep(|| seen.lock().unwrap().is_empty()), "released before the fence");
            }
        });
        device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap().take_apart();
        assert_eq!(*order.lock().unwrap(), [2, 1], "in reverse");
        reader.join().unwrap();
    });
}

/// I21: the removal is the last item of a stream, and comes once.
fn event_or_end() {
    explore(Some(3), || {
        let keys = Subscribers::new();
        let device = Device::new((), Canary::new());
        let handle = device.open().unwrap();
        let stream = keys.subscribe(&handle, 1);
        let driver = thread::spawn(move || {
            keys.tell(1);
            keys.tell(2);
        });
        device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap().unwrap().take_apart();
        driver.join().unwrap();
        let mut items: Vec<_> = std::iter::from_fn(|| stream.try_next()).collect();
        assert!(matches!(items.pop(), Some(Item::Gone(_))), "not the last: {items:?}");
        let heard: u64 = items.iter().map(|item| if let Item::Missed(missed) = item { *missed } else { 1 }).sum();
        assert!(heard <= 2 && items.iter().all(|item| !matches!(item, Item::Gone(_))), "{items:?}");
    });
}

/// I25: a child that is added while its parent goes is in and goes along, or is refused.
fn child_or_unplug() {
    explore(Some(2), || {
        let tree = Tree::new();
        let root = tree.plant("root", Device::new((), ()));
        let other = tree.clone();
        let adder = thread::spawn(move || {
            let zombie = Arc::new(Mutex::new(None));
            let keep = zombie.clone();
            let made = other.add(root, "child", move || {
                let device = Device::new((), ());
                *keep.lock().unwrap() = Some(device.open()?);
                Ok(device)
            });
            drop(made);
            zombie.lock().unwrap().take()
        });
        tree.unplug(root, Reason::Pulled, NO_LIMIT).unwrap();
        let child = adder.join().unwrap();
        assert!(child.is_none_or(|child| child.gone().is_some()), "a child outlived its parent");
    });
}

/// I10, I13: the removal of the whole has finished when that of its part has, whoever began it.
fn part_or_whole() {
    explore(Some(2), || {
        let tree = Tree::new();
        let root = tree.plant("root", Device::new((), ()));
        let part = tree.add(root, "part", || Ok(Device::new((), ()))).unwrap();
        let device = tree.device::<(), ()>(part).unwrap();
        let other = tree.clone();
        let remover = thread::spawn(move || drop(other.unplug(part, Reason::Pulled, NO_LIMIT)));
        tree.unplug(root, Reason::Pulled, NO_LIMIT).unwrap();
        assert_eq!(device.step(), Step::Released, "the whole without its part");
        remover.join().unwrap();
    });
}

struct Bulbs(Fence);

impl Driver<(), (), Canary> for Bulbs {
    fn probe(&self, _: &Probe, (): ()) -> Result<((), Canary), Box<dyn std::error::Error + Send + Sync>> {
        self.0.not_yet();
        Ok(((), Canary::new()))
    }
}

/// I30: a driver is bound before it is withdrawn, and then its device is gone; or not at all.
fn bind_or_withdraw() {
    explore(Some(2), || {
        let registry = Registry::new();
        let fence = Fence::new();
        let bulbs = registry.register("bulbs", Bulbs(fence.clone()));
        let other = registry.clone();
        let binder = thread::spawn(move || other.bind(bulbs, ()).ok());
        registry.withdraw(bulbs, NO_LIMIT).unwrap();
        fence.came(Canary::new());
        let device = binder.join().unwrap();
        assert!(device.is_none_or(|device| device.gone().is_some()), "bound after it was withdrawn");
    });
}

/// I30: a driver whose device went by itself, with somebody inside, is waited for, also after it was bound again.
fn gone_or_withdrawn() {
    explore(Some(2), || {
        let registry = Registry::new();
        let fence = Fence::new();
        let bulbs = registry.register("bulbs", Bulbs(fence.clone()));
        let device = registry.bind(bulbs, ()).unwrap();
        let (operation, inside) = (device.open().unwrap().begin("inside").unwrap(), fence.clone());
        let _ = device.unplug(Reason::Pulled);
        drop(device);
        let user = thread::spawn(move || {
            inside.not_yet();
            drop(operation);
        });
        drop(registry.bind(bulbs, ()));
        registry.withdraw(bulbs, NO_LIMIT).unwrap();
        fence.came(Canary::new());
        user.join().unwrap();
    });
}

macro_rules! passes {
    ($($model:ident)*) => {
        mod passes {
            $(
                #[test]
                fn $model() {
                    super::$model();
                }
            )*
        }
    };
}

passes! {
    slot two_lines reused_slot moved_guard handed_line counted change_over two_gates heir
    guards one_guard moved_operation two_unplugs hooks_or_fence open_or_unplug answer_or_mark parked_or_mark interrupt_or_answer
    interrupt_or_park slow_client watch_or_mark abandoned claims
    child_or_unplug part_or_whole bind_or_withdraw gone_or_withdrawn event_or_end added_or_over group_or_end early_or_end released_in_reverse
    begin_or_mark hooks_or_mark parked_outside_or_mark parked_or_resumed
    in_turns told
}

/// The model that finds a planted bug, and what it says then.
fn finder(mutant: Mutant) -> (fn(), &'static str) {
    const RACE: &str = "Causality violation";
    const STUCK: &str = "deadlock";
    match mutant {
        Mutant::CheckBeforeCount => (counted, RACE),
        Mutant::LockRelaxed | Mutant::UnlockRelaxed => (in_turns, RACE),
        Mutant::UnlockDoesNotWake | Mutant::SleepersForgotten => (in_turns, STUCK),
        Mutant::CountReadUnlocked => (told, STUCK),
        Mutant::CheckBeforeHold => (slot, RACE),
        Mutant::NoHeavyFence => (slot, RACE),
        Mutant::HeavyBeforeMark => (slot, RACE),
        Mutant::LookBeforeClear => (slot, STUCK),
        Mutant::ClearRelaxed => (slot, RACE),
        Mutant::HoldRelaxed => (moved_guard, RACE),
        Mutant::FreeSlotRelaxed => (moved_guard, RACE),
        Mutant::ScanRelaxed => (slot, RACE),
        Mutant::CountBeforeSlots => (change_over, RACE),
        Mutant::ClearBeforeCount => (change_over, RACE),
        Mutant::GuardMovesToSlot => (change_over, RACE),
        Mutant::SleepOnOldLook => (slot, STUCK),
        Mutant::ClaimRelaxed => (handed_line, RACE),
        Mutant::EnterIgnoresMark => (one_guard, RACE),
        Mutant::ExitRelaxed => (counted, RACE),
        Mutant::ExitDoesNotWake => (one_guard, STUCK),
        Mutant::WakeWithoutLock => (one_guard, STUCK),
        Mutant::DrainRelaxed => (counted, RACE),
        Mutant::DrainDoesNotWait => (moved_operation, "somebody is inside after the fence"),
        Mutant::HeirForgotten => (abandoned, "the hardware waits for the last handle"),
        Mutant::ReasonAfterMark => (one_guard, "the reason is written before the gate is shut"),
        Mutant::SecondUnplugActs => (two_unplugs, "once and in order"),
        Mutant::SecondUnplugDoesNotWait => (hooks_or_fence, "the fence before the hooks"),
        Mutant::WokenBeforeHooks => (hooks_or_fence, "the fence before the hooks"),
        Mutant::OpenOutsideGate => (open_or_unplug, "born after the fence"),
        Mutant::CancelOutsideGate => (interrupt_or_answer, "called after the fence"),
        Mutant::LateCancelLost => (interrupt_or_park, "the driver was not told"),
        Mutant::WatchLost => (watch_or_mark, "not woken once"),
        Mutant::CancelledIsForgotten => (parked_or_mark, "Forgotten"),
        Mutant::AnswerInside => (slow_client, STUCK),
        Mutant::ClaimUnlocked => (claims, "two owners"),
        Mutant::ChildOfTheDead => (child_or_unplug, "a child outlived its parent"),
        Mutant::BoundWhileWithdrawn => (bind_or_withdraw, "it stays while a probe is running"),
        Mutant::OthersNotAwaited => (part_or_whole, "the whole without its part"),
        Mutant::GoneForgotten => (gone_or_withdrawn, "after the fence"),
        Mutant::EventAfterEnd => (event_or_end, "not the last"),
        Mutant::ReleasedInOrder => (released_in_reverse, "in reverse"),
        Mutant::ReleasedAtMark => (released_in_reverse, "released before the fence"),
        Mutant::EarlyNotAwaited => (early_or_end, "after the hardware was given back"),
        Mutant::AddedTooLate => (added_or_over, "an action was lost"),
        Mutant::BookLeavesAtMark => (moved_operation, "somebody is inside after the fence"),
        Mutant::BeginIgnoresMark => (begin_or_mark, "after the fence"),
        Mutant::LeavesWithItsHooks => (hooks_or_mark, "after the fence"),
        Mutant::ResumedAfterMark => (parked_outside_or_mark, "after the fence"),
        Mutant::AdmittedInTwoSteps => (parked_or_resumed, "refused though it could wait"),
    }
}

#[test]
fn every_planted_bug_is_found() {
    planted::find_each(Mutant::ALL.iter().map(|mutant| (*mutant, finder(*mutant).1)));
}

#[test]
#[ignore = "started by every_planted_bug_is_found"]
fn planted_bug() {
    let mutant = planted::bug();
    plant(Some(mutant));
    finder(mutant).0();
}
