//! The life of a card.

use super::bench::{Bench, LONG, flags};
use crate::{
    Call, Contract, Errno, Hardware, Plugged, PollBits,
    drm::{
        Change,
        kms::{connector_id, crtc_id},
        uapi::{
            connector, ioctl,
            layout::{Connector, Field, PageFlip, WaitVblank},
            vblank,
        },
    },
    surroundings::Content,
};
use outlive::{Policy, Reason, State};
use std::sync::mpsc::channel;

/// I28, I29: behind the fence the driver has let go of what is its clients'.
#[test]
fn the_driver_is_given_back_without_anything_of_its_clients() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let memory = {
        let scene = bench.notes.scene.lock().unwrap();
        std::sync::Arc::downgrade(&scene.pipes[0].as_ref().unwrap().layers[0].framebuffer)
    };
    let before = memory.strong_count();
    assert!(matches!(bench.pull(), Hardware::Drm(_)));
    assert!(!bench.is_wired());
    assert!(memory.strong_count() < before);
    let Bench { client, card, .. } = bench;
    assert_eq!(card.handles(), 1);
    drop(client);
    assert_eq!((card.handles(), memory.strong_count()), (0, 0));
}

/// I1, I2: nobody who sleeps keeps a removal waiting.
#[test]
fn a_removal_waits_for_no_sleeper() {
    for contract in Contract::ALL {
        let (bench, fb) = Bench::lit(contract);
        bench.client.file.set_nonblock(false);
        let reader = bench.open(false);
        let (read, _) = reader.begin_read();
        let waiter = bench.open(false);
        let asked = WaitVblank { kind: vblank::RELATIVE, sequence: 1, signal: 0 };
        let (wait, _) = waiter.begin_ask(ioctl::WAIT_VBLANK, &asked);
        let (set, _) = bench.client.begin_set_mode(0, fb);
        assert!(read.is_waiting() && wait.is_waiting() && set.is_waiting());
        let unplugged = bench.card.unplug(Reason::Pulled, Policy::Detach, std::time::Duration::from_secs(1));
        assert!(unplugged.unwrap().is_some(), "{contract}");
    }
}

/// I3: from inside, and as it arrives.
#[test]
fn it_can_be_pulled_as_a_call_arrives() {
    let (bench, fb) = Bench::lit(Contract::Strict);
    let card = bench.card.clone();
    let pull = move || drop(card.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap());
    let heard = crate::client::Heard::default();
    let asked = PageFlip { crtc: crtc_id(0), fb, ..PageFlip::default() };
    let mut bytes = vec![0; PageFlip::SIZE];
    asked.put(&mut bytes);
    bench.client.arena.put(crate::client::BASE, &bytes);
    let call = Call::Ioctl { command: ioctl::MODE_PAGE_FLIP, argument: crate::client::BASE };
    bench.client.file.call(call, bench.client.arena.clone(), heard.ticket(Some(Box::new(pull))));
    let (what, answer) = heard.once().unwrap();
    assert_eq!((what, answer), (format!("MODE_PAGE_FLIP crtc {} fb {fb}", crtc_id(0)), Err(Errno::NODEV)));
}

/// I5, I33
#[test]
fn states_are_kept() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    bench.card.set_state(State::Blocked).unwrap();
    let asked = PageFlip { crtc: crtc_id(0), fb, ..PageFlip::default() };
    let (heard, _) = bench.client.begin_ask(ioctl::MODE_PAGE_FLIP, &asked);
    assert!(heard.is_waiting());
    bench.card.set_state(State::Running).unwrap();
    assert!(heard.answer().is_ok());
    bench.card.set_state(State::Offline).unwrap();
    assert_eq!(bench.client.flip(0, fb, 0), Err(Errno::IO));
    assert_eq!(bench.card.open(flags(true)).err(), Some(Errno::NXIO));
}

/// A flip that was parked as the card went is carried out once, by nobody's hand.
#[test]
fn what_was_parked_is_carried_out_once() {
    let (bench, fb) = Bench::lit(Contract::Quiet);
    bench.card.set_state(State::Blocked).unwrap();
    let asked = PageFlip { crtc: crtc_id(0), fb, flags: 1, reserved: 0, user_data: 6 };
    let (heard, _) = bench.client.begin_ask(ioctl::MODE_PAGE_FLIP, &asked);
    let calls = bench.calls();
    bench.pull();
    assert!(heard.answer().is_ok());
    bench.clock.pass(super::bench::period());
    assert_eq!(bench.client.read(), Ok(vec![(2, 6, 2)]));
    assert_eq!((bench.calls(), bench.client.read()), (calls, Err(Errno::NODEV)));
}

#[test]
fn cables_are_pulled_and_the_machine_is_told() {
    let bench = Bench::new();
    let display = bench.card.display().unwrap();
    let asked = Connector { connector: connector_id(1), ..Connector::default() };
    let connection = || bench.client.ask(ioctl::MODE_GETCONNECTOR, &asked).unwrap().connection;
    display.connect(1, false).unwrap();
    assert_eq!(connection(), connector::DISCONNECTED);
    display.connect(1, false).unwrap();
    display.connect(1, true).unwrap();
    assert_eq!(connection(), connector::CONNECTED);
    let change = |connected| Change { connector: 1, id: connector_id(1), connected };
    assert_eq!(*bench.notes.changes.lock().unwrap(), [change(false), change(true)], "news only");
    let id = connector_id(1).to_string();
    assert_eq!(change(true).properties(), [("HOTPLUG", "1".to_owned()), ("CONNECTOR", id)]);
    assert_eq!(display.connect(2, true), Err(Errno::INVAL));
    assert_eq!((display.connectors(), display.screen(2)), (2, Err(Errno::INVAL)));
    bench.pull();
    assert_eq!((display.connect(1, false), display.screen(0)), (Err(Errno::NODEV), Err(Errno::NODEV)));
    assert_eq!(bench.card.handles(), 1, "who looks is nobody who has it open");
}

/// A large picture takes its time, and the removal waits for nobody (I5).
#[test]
fn a_picture_is_drawn_outside_of_the_gate() {
    let bench = Bench::new();
    let (go, ready) = channel();
    *bench.notes.shot.lock().unwrap() = Some(ready);
    let display = bench.card.display().unwrap();
    std::thread::scope(|scope| {
        // If this fails, who looks is let go.
        let go = go;
        let looks = scope.spawn(|| display.screen(0));
        while bench.notes.shot.lock().unwrap().is_some() {
            std::thread::yield_now();
        }
        bench.pull();
        assert!(!looks.is_finished());
        go.send(()).unwrap();
        assert_eq!(looks.join().unwrap().unwrap().unwrap().at(0, 0), [1, 2, 3]);
    });
}

#[test]
fn connectors_are_shown_in_sysfs() {
    let (bench, _) = Bench::lit(Contract::Quiet);
    let shown = bench.card.surroundings();
    let read = |path: &str| {
        let path = format!("/sys/devices/platform/outlive.0/drm/card0/{path}");
        let entry = shown.entries().iter().find(|entry| entry.path == path).expect("it is shown");
        let Content::Attribute(show) = &entry.content else { panic!("an attribute") };
        show().unwrap()
    };
    assert_eq!(read("card0-Virtual-1/status"), b"connected\n");
    assert_eq!(
        (read("card0-Virtual-1/enabled"), read("card0-Virtual-2/enabled")),
        (b"enabled\n".into(), b"disabled\n".into())
    );
    assert_eq!(read("card0-Virtual-1/modes"), b"640x480\n");
    assert_eq!((read("card0-Virtual-1/dpms"), read("card0-Virtual-1/edid").len()), (b"On\n".into(), 128));
    assert_eq!(read("dev"), b"226:0\n");
    bench.card.display().unwrap().connect(0, false).unwrap();
    assert_eq!((read("card0-Virtual-1/status"), read("card0-Virtual-1/edid")), (b"disconnected\n".into(), vec![]));
}

/// I20: an ordinary life has no HUP in it.
#[test]
fn the_node_is_where_linux_has_it() {
    let bench = Bench::new();
    let node = bench.card.node();
    assert_eq!((node.path(), node.major, node.minor, node.mapped), ("/dev/dri/card0".into(), 226, 0, true));
    assert_eq!((bench.card.class(), bench.client.file.poll()), ("drm", PollBits::default()));
    assert_eq!(bench.card.nodes().len(), 1);
}
