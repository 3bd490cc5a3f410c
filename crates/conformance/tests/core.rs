//! The core itself, in one process: its handles are the users.

mod tables;

use outlive::{
    Builder, Cause, Device, Gone, Handle, HardwareLife, Item, Managed, Noticer, Number, Numbers, Outcome, Policy,
    REMOVAL_BUDGET, Reason, Refused, Request, SharedLife, State, Stream, Subscribers,
};
use outlive_conformance::{
    Answer, Badge, Entry, FarEnd, Happened, Held, Mapped, Object, Poll, Rig, Said, Standing, Stuck, Subject, User, run,
};
use std::{
    any::Any,
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

fn main() -> ExitCode {
    let core = Core { numbers: Numbers::new() };
    tables::check_claims("core", "core", |statement| core.excuse(statement));
    run("core", Arc::new(core))
}

/// What [`User::call`] offers, the one that the driver answers first.
const CALLS: [&str; 4] = ["request", "guard", "operation", "framework's operation"];

type CoreHandle = Handle<Shared, Hardware>;

/// What handles see for ever.
struct Shared {
    number: Number,
    items: Subscribers<()>,
    _alive: Badge,
}

/// The driver.
struct Hardware {
    far: Arc<FarEnd>,
    _badge: Badge,
}

struct Core {
    numbers: Numbers,
}

impl Subject for Core {
    fn excuse(&self, statement: u8) -> Option<&'static str> {
        (statement == 24).then_some("the core has no mappings")
    }

    fn calls(&self) -> &[&'static str] {
        &CALLS
    }

    fn gone(&self) -> Said {
        Said::failed("gone")
    }

    fn failed(&self) -> Said {
        Said::failed("the driver's own")
    }

    fn plug(&self, far: &Arc<FarEnd>, badge: Badge) -> Arc<dyn Rig> {
        let number = self.numbers.claim_lowest(0, |_| true);
        let rig = CoreRig {
            numbers: self.numbers.clone(),
            number: number.value(),
            badge: Mutex::new(Some(badge)),
            alive: Badge::new(),
            heard: Arc::default(),
            device: Mutex::default(),
            hardware: Mutex::default(),
        };
        rig.plug(number, far);
        Arc::new(rig)
    }
}

struct CoreRig {
    numbers: Numbers,
    number: u32,
    badge: Mutex<Option<Badge>>,
    alive: Badge,
    heard: Arc<AtomicUsize>,
    device: Mutex<Option<Plugged>>,
    hardware: Mutex<Option<Hardware>>,
}

#[derive(Clone)]
struct Plugged {
    device: Arc<Device<Shared, Hardware>>,
    noticer: Noticer,
    /// The name leads to it.
    named: Arc<Mutex<bool>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CoreRig {
    fn plug(&self, number: Number, far: &Arc<FarEnd>) {
        let (noticer, hardware_list, shared_list) =
            (Noticer::new(), Managed::<HardwareLife>::new(), Managed::<SharedLife>::new());
        for place in 1..=2 {
            let (on_hardware, on_handle) = (far.clone(), far.clone());
            let _kept = hardware_list.action(move || on_hardware.note(Entry::HardwareAction(place)));
            let _kept = shared_list.action(move || on_handle.note(Entry::HandleAction(place)));
        }
        let shared = Shared { number: number.clone(), items: Subscribers::new(), _alive: self.alive.clone() };
        let badge = lock(&self.badge).clone().expect("nothing has been scrapped");
        let device = Builder::new()
            .number(number)
            .teardown(|hardware: &mut Hardware| hardware.far.teardown())
            .managed(&hardware_list)
            .managed_shared(&shared_list)
            .build(shared, Hardware { far: far.clone(), _badge: badge });
        device.noticed_by(&noticer);
        let named = Arc::new(Mutex::new(true));
        let (name, heard) = (named.clone(), self.heard.clone());
        device.on_names(move |_| {
            *lock(&name) = false;
            heard.fetch_add(1, SeqCst);
        });
        *lock(&self.device) = Some(Plugged { device: Arc::new(device), noticer, named });
    }

    fn plugged(&self) -> Option<Plugged> {
        lock(&self.device).clone()
    }

    fn now(&self) -> Plugged {
        self.plugged().expect("nothing has been scrapped")
    }
}

impl Rig for CoreRig {
    fn number(&self) -> u32 {
        self.number
    }

    fn open(&self) -> Result<Arc<dyn User>, Said> {
        let plugged = self.plugged().ok_or_else(|| Said::failed("no device"))?;
        let handle = plugged.device.open().map_err(|refused| Said::failed(refused.to_string()))?;
        Ok(Arc::new(CoreUser::new(handle)))
    }

    fn idle(&self, count: usize) -> Box<dyn Any + Send> {
        let device = self.now().device;
        Box::new((0..count).map(|_| device.open().expect("it is alive")).collect::<Vec<_>>())
    }

    fn unplug(&self, reason: Reason, policy: Policy, limit: Duration) -> Result<bool, Stuck> {
        let Some(Plugged { device, .. }) = self.plugged() else { return Ok(false) };
        match device.unplug_with(reason, policy).wait(limit) {
            Ok(Some(hardware)) => {
                *lock(&self.hardware) = Some(hardware);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(busy) => {
                let culprits = busy.culprits().into_iter();
                let culprits = culprits.map(|it| (it.handle.0, it.number, it.kind.to_owned(), it.age)).collect();
                Err(Stuck { culprits, message: busy.to_string() })
            }
        }
    }

    fn is_found(&self) -> bool {
        *lock(&self.now().named)
    }

    fn handles(&self) -> usize {
        self.plugged().map_or(0, |plugged| plugged.device.handles())
    }

    fn is_gone(&self) -> bool {
        self.plugged().is_none_or(|plugged| plugged.device.gone().is_some())
    }

    fn removals_heard(&self) -> usize {
        self.heard.load(SeqCst)
    }

    fn set_state(&self, state: State) {
        self.now().device.set_state(state).expect("from running");
    }

    fn prepare(&self, limit: Duration) -> bool {
        self.now().device.prepare(limit).expect("it is running or closing")
    }

    fn notice(&self) {
        self.now().noticer.gone(Reason::Pulled);
    }

    fn replug(&self, far: &Arc<FarEnd>) {
        self.plug(self.numbers.claim_again(self.number), far);
    }

    fn scrap(&self) {
        drop(lock(&self.badge).take());
        drop(lock(&self.hardware).take());
        drop(lock(&self.device).take());
    }

    fn remains(&self) -> bool {
        self.alive.others() > 0
    }

    fn sleep_inside(&self) -> bool {
        let (device, other) = (self.now().device, Device::new((), ()));
        let handle = device.open().expect("it is alive");
        let _guard = handle.enter().expect("it is alive");
        let waits: [&dyn Fn(); 2] = [&|| _ = other.prepare(Duration::from_millis(1)), &outlive::about_to_wait];
        waits.iter().all(|wait| catch_unwind(AssertUnwindSafe(wait)).is_err())
    }
}

/// One open file.
struct CoreUser {
    handle: Mutex<Option<CoreHandle>>,
    items: Mutex<Option<Stream<(), Shared, Hardware>>>,
    /// Those that have been taken from the stream and not been read.
    taken: Mutex<VecDeque<Item<()>>>,
    calls: Arc<Mutex<BTreeMap<u64, u64>>>,
    next_call: AtomicU64,
}

impl CoreUser {
    fn new(handle: CoreHandle) -> Self {
        let items = handle.shared().items.subscribe(&handle, 8);
        CoreUser {
            handle: Mutex::new(Some(handle)),
            items: Mutex::new(Some(items)),
            taken: Mutex::default(),
            calls: Arc::default(),
            next_call: AtomicU64::new(1),
        }
    }

    /// For the test's own use, so it does not count as a user.
    fn handle(&self) -> Option<CoreHandle> {
        lock(&self.handle).as_ref().map(Handle::uncounted)
    }

    fn take_items(&self) -> MutexGuard<'_, VecDeque<Item<()>>> {
        let mut taken = lock(&self.taken);
        if let Some(items) = &*lock(&self.items) {
            taken.extend(std::iter::from_fn(|| items.try_next()));
        }
        taken
    }
}

type CoreRequest = Request<Shared, Hardware, Result<(), ()>>;

struct InHand(CoreRequest);

impl Held for InHand {
    fn finish(self: Box<Self>) {
        self.0.answer(Ok(()));
    }

    fn fail(self: Box<Self>) {
        self.0.answer(Err(()));
    }

    fn let_go(self: Box<Self>, cause: Cause) {
        self.0.let_go(cause);
    }

    fn on_cancel(&self, hook: Box<dyn FnOnce(Cause) + Send>) {
        self.0.on_cancel(hook);
    }
}

fn gone(_: Gone) -> Said {
    Said::failed("gone")
}

fn refused(refused: Refused) -> Said {
    match refused {
        Refused::Gone(how) => gone(how),
        Refused::Interrupted => Said::failed("EINTR"),
        other => Said::failed(other.to_string()),
    }
}

fn outcome(outcome: Outcome<Result<(), ()>>) -> Said {
    match outcome {
        Outcome::Done(Ok(())) => Said::Done,
        Outcome::Done(Err(())) => Said::failed("the driver's own"),
        Outcome::Cancelled(Cause::Gone(how)) => gone(how),
        Outcome::Cancelled(Cause::Interrupted) => Said::failed("EINTR"),
        Outcome::Forgotten => Said::failed("forgotten"),
    }
}

/// A call that the driver answers when it likes. The result is its number.
fn request(handle: &CoreHandle, tell: mpsc::Sender<Said>) -> Option<u64> {
    handle.begin_or_park("request", move |begun| match begun {
        Err(why) => _ = tell.send(refused(why)),
        Ok(operation) => {
            let handle = operation.handle().uncounted();
            let request = Request::new(operation, move |end| _ = tell.send(outcome(end)));
            // Who is inside by an operation has the driver, and dropping the request says how it ended.
            let Ok(guard) = handle.enter() else { return };
            let far = guard.far.clone();
            far.take(Box::new(InHand(request)));
        }
    })
}

/// A call that is over when it returns.
fn prompt(handle: &CoreHandle, name: &str) -> Said {
    let inside = |handle: &CoreHandle| match handle.enter() {
        Ok(guard) => {
            drop(guard.far.callback(Entry::Called));
            Said::Done
        }
        Err(how) => gone(how),
    };
    match name {
        "guard" => inside(handle),
        "operation" => handle.begin("operation").map_or_else(refused, |_inside| inside(handle)),
        _ => handle.begin_framework("operation").map_or_else(refused, |_inside| inside(handle)),
    }
}

impl User for CoreUser {
    fn call(&self, name: &str) -> Answer {
        let Some(handle) = self.handle() else { return Answer::now(Said::failed("EBADF")) };
        let ((tell, answers), id) = (mpsc::channel(), self.next_call.fetch_add(1, SeqCst));
        let (calls, name) = (self.calls.clone(), name.to_owned());
        thread::spawn(move || match name.as_str() {
            "request" => {
                let number = request(&handle, tell);
                lock(&calls).insert(id, number.unwrap_or_default());
            }
            name => _ = tell.send(prompt(&handle, name)),
        });
        Answer::new(answers, id)
    }

    fn poll(&self) -> Poll {
        let readable = matches!(self.take_items().front(), Some(Item::Event(())));
        Poll { readable, hung_up: self.handle().is_none_or(|handle| handle.gone().is_some()) }
    }

    fn sleep_in_poll(&self) -> Answer {
        let (tell, answers) = mpsc::channel();
        let Some(handle) = self.handle() else { return Answer::now(Said::failed("EBADF")) };
        // The watch is forgotten here and goes with the device.
        std::mem::forget(handle.on_gone(move |_| _ = tell.send(Said::Done)));
        Answer::new(answers, 0)
    }

    fn interrupt(&self, call: &Answer) {
        let Some(handle) = self.handle() else { return };
        let number = (0..1000).find_map(|_| {
            let number = lock(&self.calls).get(&call.name).copied();
            number.or_else(|| {
                thread::sleep(Duration::from_millis(1));
                None
            })
        });
        handle.cancel(number.expect("the call has been made"));
    }

    fn other_ways(&self) -> Vec<(&'static str, Said)> {
        let Some(handle) = self.handle() else { return Vec::new() };
        let way = |other: CoreHandle| {
            let (tell, answers) = mpsc::channel();
            request(&other, tell);
            answers.recv_timeout(REMOVAL_BUDGET).unwrap_or_else(|_| Said::failed("no answer"))
        };
        vec![
            ("Handle::reopen", handle.reopen().map_or_else(refused, way)),
            ("a clone on another thread", thread::scope(|scope| scope.spawn(|| way(handle.clone())).join()).unwrap()),
        ]
    }

    fn standing(&self) -> Standing {
        let handle = self.handle().expect("it is open");
        let lives_elsewhere = handle.shared().number.lives_elsewhere();
        assert_eq!(handle.status().lives_elsewhere, lives_elsewhere);
        Standing::of(handle.gone(), lives_elsewhere)
    }

    fn map(&self) -> Result<Box<dyn Mapped>, Said> {
        Err(Said::failed("ENODEV"))
    }

    fn make_object(&self) -> Box<dyn Object> {
        let handle = self.handle().expect("it is open");
        Box::new(Subscription { stream: handle.shared().items.subscribe(&handle, 1), handle })
    }

    fn receive(&self) {
        self.handle().expect("it is open").shared().items.tell(());
    }

    fn read_received(&self) -> Said {
        match self.take_items().pop_front() {
            Some(Item::Event(())) => Said::Done,
            Some(Item::Gone(how)) => gone(how),
            other => Said::failed(format!("{other:?}")),
        }
    }

    fn events(&self) -> Vec<Happened> {
        let happened = |item: Item<()>| match item {
            Item::Gone(_) => Happened::Removed,
            _ => Happened::Event,
        };
        self.take_items().drain(..).map(happened).collect()
    }

    fn close(&self) -> Said {
        drop(lock(&self.items).take());
        lock(&self.handle).take().map_or(Said::failed("EBADF"), |_| Said::Done)
    }
}

/// An object of a user's: a subscription.
struct Subscription {
    stream: Stream<(), Shared, Hardware>,
    handle: CoreHandle,
}

impl Object for Subscription {
    fn destroy(self: Box<Self>) -> Said {
        let before = self.handle.shared().items.len();
        drop(self.stream);
        if self.handle.shared().items.len() < before { Said::Done } else { Said::failed("it is still subscribed") }
    }
}
