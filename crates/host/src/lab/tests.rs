mod display;
mod flash;

use super::{class::Class, plugging::is_the_machines, *};
use outlive::{Change, Generation, Reason};
use outlive_classes::{
    Access, Answer, Call, Completion, Errno, File, NoMemory, OpenFlags,
    i2c::{Adapter, Message, Transfer},
};
use std::sync::{Mutex, mpsc};

fn i2c_name(number: u32) -> String {
    Class::I2c.node_name(number)
}

const SOON: Duration = Duration::from_secs(10);

fn lab(specs: &[&str]) -> Arc<Lab> {
    let sources: Vec<_> = specs.iter().map(|spec| Source::Spec((*spec).to_owned())).collect();
    Lab::start(&LabConfig::new(&sources, None, None).unwrap()).unwrap()
}

/// An EEPROM on bus 7.
fn lab_with_bus_7() -> Arc<Lab> {
    lab(&["i2c:24c02@0x50,bus=7"])
}

fn open(lab: &Lab, path: &str) -> Arc<dyn File> {
    match lab.find(path) {
        Lookup::Here(device) => device.open(OpenFlags { access: Access::ReadWrite, nonblock: false }).unwrap(),
        other => panic!("{path}: {other:?}"),
    }
}

fn pull(lab: &Lab, name: &str) -> Unplugged {
    lab.unplug(name, Reason::Pulled, Policy::Detach, SOON).unwrap()
}

/// The rows of `ls`: generation, whether it runs, handles, operations inside.
fn rows(lab: &Lab) -> Vec<(u64, bool, usize, usize)> {
    let row = |device: DeviceReport| (device.generation, device.state == State::Running, device.handles, device.inside);
    lab.list().into_iter().map(row).collect()
}

struct Tell(mpsc::Sender<Result<Answer, Errno>>);

impl Completion for Tell {
    fn arrived(&mut self, _: &dyn Display) {}
    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        let _ = self.0.send(answer);
    }
}

/// Begins a call; its answer comes through the channel.
fn call(file: &Arc<dyn File>, call: Call) -> mpsc::Receiver<Result<Answer, Errno>> {
    let (tell, told) = mpsc::channel();
    file.call(call, Arc::new(NoMemory), Box::new(Tell(tell)));
    told
}

fn done(file: &Arc<dyn File>, what: Call) -> Result<Answer, Errno> {
    call(file, what).recv_timeout(SOON).expect("an answer")
}

/// Talks to the chip at 0x50 from now on.
fn address(file: &Arc<dyn File>) {
    const I2C_SLAVE: u32 = 0x0703;
    assert_eq!(done(file, Call::Ioctl { command: I2C_SLAVE, argument: 0x50 }), Ok(Answer::Value(0)));
}

#[test]
fn numbers_are_those_asked_for_and_else_the_lowest_free() {
    let lab = lab(&["i2c:24c02@0x50", "i2c:24c02@0x50,bus=0", "i2c:24c02@0x51", "i2c:lm75@0x48,bus=0"]);
    let free = |from: u32| (from..).find(|number| !is_the_machines(&i2c_name(*number))).unwrap();
    let (first, second) = (free(1), free(free(1) + 1));
    let numbers: Vec<_> = lab.list().iter().map(|device| device.number).collect();
    assert_eq!(numbers, [0, first, second]);
    assert_eq!(lab.plug_spec("i2c:24c02@0x50").unwrap(), i2c_name(free(second + 1)));
}

#[test]
fn what_cannot_be_plugged_in_stops_the_lab() {
    let sources = ["i2c:24c02@0x50", "i2c:24c99@0x50"].map(|spec| Source::Spec(spec.into()));
    let error = Lab::start(&LabConfig::new(&sources, None, None).unwrap()).unwrap_err();
    assert!(matches!(error, LabError::Config(_)), "{error:?}");
}

#[test]
fn paths_are_ours_for_as_long_as_the_lab_lives() {
    let lab = lab_with_bus_7();
    for path in ["/dev/i2c-8", "/dev/i2c-07", "/dev/i2c-7/", "/dev/", "/dev", "i2c-7", "/tmp/i2c-7"] {
        assert!(matches!(lab.find(path), Lookup::NotOurs), "{path}");
    }
    assert!(matches!(lab.find("/dev/i2c-7"), Lookup::Here(_)));
    pull(&lab, "i2c-7");
    assert!(matches!(lab.find("/dev/i2c-7"), Lookup::Gone));
    assert_eq!(rows(&lab), []);
    assert!(matches!(lab.find("/dev/i2c-7"), Lookup::Gone), "also when nothing is left of it");
    lab.plug_name("/dev/i2c-7").unwrap();
    assert!(matches!(lab.find("/dev/i2c-7"), Lookup::Here(_)));
}

#[test]
fn zombies_hold_their_number_until_they_are_closed() {
    let lab = lab_with_bus_7();
    let spec = "i2c:lm75@0x48,bus=7";
    assert_eq!(lab.plug_spec(spec), Err(PlugError::Plugged { name: "i2c-7".into() }));

    let files = [open(&lab, "/dev/i2c-7"), open(&lab, "/dev/i2c-7")];
    let gone = pull(&lab, "i2c-7");
    assert_eq!((gone.generation, gone.handles, gone.already), (Generation(1), 2, false));
    assert_eq!(lab.plug_spec(spec), Err(PlugError::Held { name: "i2c-7".into(), handles: 2 }));
    assert_eq!(rows(&lab), [(1, false, 2, 0)]);

    drop(files);
    assert_eq!(lab.plug_spec(spec).as_deref(), Ok("i2c-7"));
    assert_eq!(rows(&lab), [(2, true, 0, 0)], "a generation never comes back");
}

#[test]
fn the_same_hardware_comes_back_as_the_next_generation() {
    let lab = lab_with_bus_7();
    assert_eq!(lab.plug_name("i2c-7"), Err(PlugError::Plugged { name: "i2c-7".into() }));
    let unknown = PlugError::Unknown { name: "i2c-8".into(), known: vec!["i2c-7".into()] };
    assert_eq!(lab.plug_name("i2c-8"), Err(unknown));

    let old = open(&lab, "/dev/i2c-7");
    address(&old);
    assert_eq!(done(&old, Call::Write { data: vec![3, 0xab] }), Ok(Answer::Value(2)));
    pull(&lab, "i2c-7");
    lab.plug_name("i2c-7").unwrap();
    assert_eq!(rows(&lab), [(1, false, 1, 0), (2, true, 0, 0)]);

    let new = open(&lab, "/dev/i2c-7");
    address(&new);
    assert_eq!(done(&new, Call::Write { data: vec![3] }), Ok(Answer::Value(1)));
    assert_eq!(done(&new, Call::Read { size: 1 }), Ok(Answer::Data(vec![0xab])), "the EEPROM kept its content");
    assert_eq!(done(&old, Call::Read { size: 1 }), Err(Errno::NODEV), "no old handle reaches it (I26)");

    // Whoever is in the place now is what a name means, and zombies of both keep the number.
    pull(&lab, "i2c-7");
    assert_eq!(lab.plug_spec("i2c:lm75@0x48,bus=7"), Err(PlugError::Held { name: "i2c-7".into(), handles: 2 }));
    drop((old, new));
    assert_eq!(rows(&lab), []);
}

#[test]
fn unplugging_again_finds_it_done() {
    let lab = lab_with_bus_7();
    let _file = open(&lab, "/dev/i2c-7");
    assert!(!pull(&lab, "/dev/i2c-7").already);
    let again = pull(&lab, "i2c-7");
    assert_eq!((again.already, again.generation, again.handles), (true, Generation(1), 1));
    let unknown = UnplugError::Unknown { name: "i2c-8".into(), known: vec!["i2c-7".into()] };
    assert_eq!(lab.unplug("i2c-8", Reason::Pulled, Policy::Detach, SOON), Err(unknown));
}

#[test]
fn watchers_hear_of_it_at_the_mark_when_the_name_has_gone() {
    let lab = lab_with_bus_7();
    let watcher = lab.events().watch();
    let file = open(&lab, "/dev/i2c-7");
    let (tell, told) = mpsc::channel();
    let there = Arc::downgrade(&lab);
    // Sleepers are woken after the names have gone (I10).
    let _watch = file.on_gone(Box::new(move |_| {
        let found = there.upgrade().map(|lab| format!("{:?}", lab.find("/dev/i2c-7")));
        tell.send(found).unwrap();
    }));
    pull(&lab, "i2c-7");
    assert_eq!(told.recv_timeout(SOON).unwrap().as_deref(), Some("Gone"));
    lab.plug_name("i2c-7").unwrap();
    let heard = [(); 2].map(|()| watcher.next(SOON).expect("an event"));
    let heard = heard.map(|event| (event.name, event.generation.0, event.change));
    let name = || "i2c-7".to_owned();
    assert_eq!(heard, [(name(), 1, Change::Unplugged(Reason::Pulled)), (name(), 2, Change::Plugged)]);
}

/// Keeps every transfer, whatever it is told.
#[derive(Debug, Default)]
struct Stuck {
    transfers: Arc<Mutex<Vec<Transfer>>>,
    torn_down: Arc<Mutex<u32>>,
}

impl Adapter for Stuck {
    fn functionality(&self) -> u32 {
        1
    }
    fn transfer(&self, _: Vec<Message>, transfer: Transfer) {
        self.transfers.lock().unwrap().push(transfer);
    }
    fn teardown(&mut self) {
        *self.torn_down.lock().unwrap() += 1;
    }
}

pub(crate) struct StuckLab {
    pub(crate) lab: Arc<Lab>,
    /// What the adapter keeps; emptied, it lets go.
    pub(crate) transfers: Arc<Mutex<Vec<Transfer>>>,
    /// How often it was torn down.
    torn_down: Arc<Mutex<u32>>,
    /// The client's.
    pub(crate) file: Arc<dyn File>,
}

/// A lab with a bus 9 that never lets go of a transfer, and a client in the middle of one.
pub(crate) fn stuck_lab() -> StuckLab {
    let lab = lab_with_bus_7();
    let adapter = Stuck::default();
    let (transfers, torn_down) = (adapter.transfers.clone(), adapter.torn_down.clone());
    let number = lab.numbers.of(Class::I2c).claim(9).unwrap();
    lab.places.settle(9, Arc::new(outlive_classes::i2c::Bus::plug(number, Box::new(adapter))));
    let file = open(&lab, "/dev/i2c-9");
    address(&file);
    drop(call(&file, Call::Read { size: 1 }));
    assert_eq!(transfers.lock().unwrap().len(), 1);
    StuckLab { lab, transfers, torn_down, file }
}

#[test]
fn an_unplug_that_cannot_finish_names_the_culprit_and_can_be_waited_for_again() {
    let StuckLab { lab, transfers, torn_down, file } = stuck_lab();
    let limit = Duration::from_millis(20);
    let Err(UnplugError::Busy { name, waited, busy, .. }) = lab.unplug("i2c-9", Reason::Orderly, Policy::Detach, limit)
    else {
        panic!("nobody was inside");
    };
    assert_eq!((name.as_str(), busy.culprits.len()), ("i2c-9", 1));
    assert!(waited >= limit && busy.culprits[0].handle == file.id(), "{waited:?} {busy}");

    assert!(matches!(lab.find("/dev/i2c-9"), Lookup::Gone), "dead all the same");
    assert!(matches!(lab.plug_name("i2c-9"), Err(PlugError::StillBusy { .. })));
    assert!(matches!(lab.plug_spec("i2c:lm75@0x48,bus=9"), Err(PlugError::Held { handles: 1, .. })));
    let report = lab.list().into_iter().find(|device| device.name == "i2c-9").unwrap();
    assert!(matches!(report.state, State::Gone { fenced: false, .. }), "{report:?}");
    assert_eq!((report.operations.len(), report.operations[0].handle), (1, file.id().0));
    assert_eq!(*torn_down.lock().unwrap(), 0, "the driver has its last word after the drain (I12)");
    assert!(pull(&lab, "i2c-7").took < Duration::from_secs(1), "one that is stuck delays no other");

    transfers.lock().unwrap().clear();
    assert!(!lab.unplug("i2c-9", Reason::Pulled, Policy::Detach, SOON).unwrap().already);
    assert_eq!(*torn_down.lock().unwrap(), 1, "the first reason stays");
    lab.plug_name("i2c-9").unwrap();
    assert!(matches!(lab.find("/dev/i2c-9"), Lookup::Here(_)));
}

#[test]
fn hardware_that_came_out_late_is_not_lost() {
    let StuckLab { lab, transfers, torn_down, file } = stuck_lab();
    assert!(lab.unplug("i2c-9", Reason::Orderly, Policy::Detach, Duration::ZERO).is_err());
    transfers.lock().unwrap().clear();
    drop(file);
    // Nobody unplugs it again: whoever asks for it next finds it.
    assert_eq!(lab.plug_name("i2c-9").as_deref(), Ok("i2c-9"));
    assert_eq!(*torn_down.lock().unwrap(), 1);
    let file = open(&lab, "/dev/i2c-9");
    address(&file);
    drop(call(&file, Call::Read { size: 1 }));
    assert_eq!(transfers.lock().unwrap().len(), 1, "the very same adapter");
    transfers.lock().unwrap().clear();
}

#[test]
fn many_unplugs_and_plugs_at_once_leave_one_device() {
    let lab = lab_with_bus_7();
    let watcher = lab.events().watch();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    pull(&lab, "i2c-7");
                    if let Lookup::Here(device) = lab.find("/dev/i2c-7") {
                        drop(device.open(OpenFlags { access: Access::Read, nonblock: false }));
                    }
                    match lab.plug_name("i2c-7") {
                        Ok(_) => {}
                        // Another thread was faster, or is in the middle of it.
                        Err(
                            PlugError::Plugged { .. } | PlugError::BeingPlugged { .. } | PlugError::StillBusy { .. },
                        ) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let running = |lab: &Lab| rows(lab).iter().filter(|(_, running, ..)| *running).count();
    if running(&lab) == 0 {
        lab.plug_name("i2c-7").unwrap();
    }
    assert_eq!((running(&lab), rows(&lab).len()), (1, 1), "the hardware is there once, and nothing was lost");
    // Lives come and go one after the other.
    let mut live = Some(1);
    while let Some(event) = watcher.next(Duration::ZERO) {
        let generation = event.generation.0;
        live = match event.change {
            Change::Plugged if live.is_none() => Some(generation),
            Change::Unplugged(_) if live == Some(generation) => None,
            change => panic!("{change:?} of generation {generation} while {live:?} was there"),
        };
    }
    assert_eq!(watcher.take_lost(), 0);
    assert_eq!(live, Some(rows(&lab)[0].0));
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn arrived(&self, arrival: &Arrival<'_>) {
        let Arrival { number, device, pid, call, what } = arrival;
        self.0.lock().unwrap().push(format!("{number} {device} {pid} {call} {what}"));
    }
    fn answered(&self, number: u64, answer: Answered, _gone: bool) {
        self.0.lock().unwrap().push(format!("{number} {answer:?}"));
    }
}

#[test]
fn operations_are_counted_in_the_order_in_which_they_are_told() {
    let lab = lab_with_bus_7();
    let notes = Arc::new(Notes::default());
    assert!(lab.observe(notes.clone()).is_ok());
    assert!(lab.observe(notes.clone()).is_err(), "there is one already");
    std::thread::scope(|scope| {
        for pid in 0..4 {
            let lab = &lab;
            scope.spawn(move || (0..250).for_each(|_| assert_ne!(lab.arrived("i2c-7", pid, "read", &"x"), 0)));
        }
    });
    let numbers = |notes: &Notes| -> Vec<u64> {
        let notes = notes.0.lock().unwrap();
        notes.iter().map(|note| note.split(' ').next().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(numbers(&notes), (1..=1000).collect::<Vec<_>>());
    assert_eq!(lab.arrived("i2c-7", 5, "ioctl", &"I2C_FUNCS"), 1001);
    lab.answered(1001, Answered::Errno(19), true);
    let last = notes.0.lock().unwrap().split_off(1000);
    assert_eq!(last, ["1001 i2c-7 5 ioctl I2C_FUNCS", "1001 Errno(19)"]);
}

#[test]
fn nobody_watching_costs_no_words() {
    struct Loud;
    impl Display for Loud {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("written out for nobody");
        }
    }
    let lab = lab_with_bus_7();
    assert_eq!((lab.arrived("i2c-7", 1, "read", &Loud), lab.arrived("i2c-7", 1, "read", &Loud)), (1, 2));
}

#[test]
fn who_plugs_in_what_somebody_else_is_plugging_in_waits_for_nobody() {
    let lab = lab_with_bus_7();
    let (tell, told) = mpsc::channel();
    let plugged = lab.clone();
    // As two threads come to it that both found the place free: with the second, the first device is nobody's.
    std::thread::spawn(move || {
        let number = plugged.numbers.of(Class::I2c).claim_again(7);
        plugged.places.settle(7, Arc::new(outlive_classes::i2c::Bus::plug(number, Box::new(Stuck::default()))));
        let _ = tell.send(());
    });
    told.recv_timeout(SOON).expect("it does not wait for itself");
    assert_eq!(rows(&lab), [(2, true, 0, 0)]);
    assert!(pull(&lab, "i2c-7").acted);
}

#[test]
fn an_unplug_that_goes_on_is_left_to_who_waits_for_it() {
    let StuckLab { lab, transfers, file, .. } = stuck_lab();
    let unplug = {
        let lab = lab.clone();
        std::thread::spawn(move || pull(&lab, "i2c-9"))
    };
    while !matches!(lab.find("/dev/i2c-9"), Lookup::Gone) {
        std::thread::yield_now();
    }
    lab.places.prune();
    transfers.lock().unwrap().clear();
    // Whoever asks for the list, or plugs something in, does not take the hardware, and does not have its last word to wait for.
    while !unplug.is_finished() {
        lab.places.prune();
    }
    assert!(unplug.join().unwrap().acted);
    drop(file);
}
