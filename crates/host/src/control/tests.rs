//! What needs a device that does not let go; the rest is in `tests/control.rs`.

use super::*;
use crate::lab::tests::{StuckLab, stuck_lab};
use std::time::{Duration, Instant};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The name of a lab is that of its process here, so all that needs one is one test.
#[test]
fn a_device_that_is_stuck_is_waited_for_up_to_the_deadline_and_nobody_else_waits() {
    let StuckLab { lab, transfers, file, .. } = stuck_lab();
    let server = Server::start(lab.clone()).unwrap();
    let connect = || connect(Some(lab.name())).unwrap();

    let limit = Duration::from_millis(120);
    let removals =
        connect().unplug(&names(&["i2c-9", "i2c-7"]), &How { deadline: Some(limit), ..How::default() }).unwrap();
    let Removal::Busy { name, seconds, culprits, message, .. } = &removals[0] else { panic!("{removals:?}") };
    assert!(name == "i2c-9" && *seconds >= limit.as_secs_f64(), "{removals:?}");
    assert_eq!(culprits.iter().map(|culprit| culprit.handle).collect::<Vec<_>>(), [file.id().0]);
    assert!(message.contains("dead"), "{message}");
    let Removal::Gone { name, seconds, .. } = &removals[1] else { panic!("{removals:?}") };
    assert!(name == "i2c-7" && *seconds < 60.0, "{removals:?}");

    std::thread::scope(|scope| {
        let hour = Some(Duration::from_secs(3600));
        let waiting =
            scope.spawn(move || connect().unplug(&names(&["i2c-9"]), &How { deadline: hour, ..How::default() }));
        while lab.list().iter().all(|device| device.inside == 0) {
            std::thread::yield_now();
        }
        // While somebody waits for an hour, others get their answers.
        assert_eq!(connect().list(&names(&["i2c-9"])).unwrap()[0].inside, 1);
        transfers.lock().unwrap().clear();
        let removals = waiting.join().unwrap().unwrap();
        assert!(matches!(removals[0], Removal::Gone { .. }), "{removals:?}");
    });

    lab.plug_name("i2c-9").unwrap();
    // A lab that ends does not wait for those who wait for it; they are told how things are.
    let StuckLab { lab: busy, transfers: _kept, file: _open, .. } = stuck_lab();
    drop(server);
    let server = Server::start(busy.clone()).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let mut client = super::connect(Some(&format!("lab-{}", std::process::id()))).unwrap();
            client.unplug(&names(&["i2c-9"]), &How { deadline: Some(Duration::from_secs(3600)), ..How::default() })
        });
        while busy.list().iter().any(|device| device.name == "i2c-9" && device.state == crate::lab::State::Running) {
            std::thread::yield_now();
        }
        let begin = Instant::now();
        drop(server);
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        let removals = waiting.join().unwrap().unwrap();
        assert!(matches!(removals[0], Removal::Busy { .. }), "{removals:?}");
    });
}
