use super::*;
use outlive::{Generation, HandleId, Reason};
use std::sync::Arc;

const ALL: Wanted = Wanted { records: true, tallies: true };

fn arrive(tracer: &Tracer, number: u64, what: &str) {
    let pid = std::process::id();
    tracer.arrived(&Arrival { number, device: "i2c-7", pid, call: "ioctl", what: &what });
}

fn unplugged(tracer: &Tracer) {
    let change = DeviceChange::Unplugged(Reason::Pulled);
    tracer.detail(Detail::Changed { device: "i2c-7", generation: Generation(1), change });
}

/// The operations of a batch.
fn operations(batch: &Batch) -> Vec<&Operation> {
    let of = |record| match record {
        &Record { event: Event::Operation(ref operation), .. } => Some(operation),
        _ => None,
    };
    batch.records.iter().filter_map(of).collect()
}

#[test]
fn an_operation_is_told_with_all_that_belongs_to_it() {
    let tracer = Tracer::new(ALL);
    arrive(&tracer, 1, "I2C_SMBUS read_byte_data 0x50 reg 0x03");
    tracer.detail(Detail::On { number: 1, handle: HandleId(4) });
    tracer.detail(Detail::Brought { number: 1, payload: Payload::Number { value: 0x2a, bytes: 1 } });
    tracer.answered(1, Answered::Ok(0), false);
    let batch = tracer.next().unwrap();
    let [operation] = operations(&batch)[..] else { panic!("{batch:?}") };
    assert_eq!((operation.handle, operation.answer, operation.cut), (Some(4), Some(Answered::Ok(0)), false));
    assert_eq!(operation.brought, Some(Payload::Number { value: 0x2a, bytes: 1 }));
    assert!(!operation.caller.comm.is_empty());
    assert_eq!(tracer.tallies()["I2C_SMBUS read_byte_data"].calls, 1);
    tracer.finish();
    assert_eq!(tracer.next(), None);
}

/// What was on its way at the mark and failed was cut; what came later or succeeded was not.
#[test]
fn the_removal_cuts_what_is_on_its_way_and_fails() {
    let tracer = Tracer::new(ALL);
    arrive(&tracer, 1, "cut");
    arrive(&tracer, 2, "let through");
    unplugged(&tracer);
    arrive(&tracer, 3, "on a zombie");
    for (number, answer) in [(1, Answered::Errno(19)), (2, Answered::Ok(0)), (3, Answered::Errno(19))] {
        tracer.answered(number, answer, false);
    }
    let batch = tracer.next().unwrap();
    assert!(matches!(batch.records[0].event, Event::Changed { generation: 1, .. }), "in its place: {batch:?}");
    let cut: Vec<_> = operations(&batch).iter().map(|operation| (operation.number, operation.cut)).collect();
    assert_eq!(cut, [(1, true), (2, false), (3, false)]);
}

#[test]
fn an_error_brings_nothing() {
    let tracer = Tracer::new(ALL);
    arrive(&tracer, 1, "x");
    tracer.detail(Detail::Brought { number: 1, payload: Payload::Number { value: 1, bytes: 1 } });
    tracer.answered(1, Answered::Errno(14), false);
    assert_eq!(operations(&tracer.next().unwrap())[0].brought, None);
}

#[test]
fn a_full_queue_loses_the_newest_and_says_how_many() {
    let tracer = Tracer::new(ALL);
    let piece = vec![0; QUEUE / 4];
    for number in 1..=6 {
        arrive(&tracer, number, "x");
        tracer.detail(Detail::Sent { number, payload: Payload::Pieces(vec![piece.clone()]) });
        tracer.answered(number, Answered::Ok(0), false);
    }
    let batch = tracer.next().unwrap();
    let numbers: Vec<_> = operations(&batch).iter().map(|operation| operation.number).collect();
    assert_eq!((numbers, batch.lost), (vec![1, 2, 3], 3));
    arrive(&tracer, 7, "x");
    tracer.answered(7, Answered::Ok(0), false);
    assert_eq!(tracer.next().unwrap().lost, 0, "there is room again");
    assert_eq!(tracer.tallies()["x"].calls, 7, "all are counted");
}

/// A reader that waits hears of what hangs, and then of its answer; and at the end of what never got one.
#[test]
fn what_takes_long_is_told_twice_and_what_never_ends_at_the_end() {
    let tracer = Arc::new(Tracer::new(ALL));
    arrive(&tracer, 1, "slow");
    arrive(&tracer, 2, "for ever");
    let batch = tracer.next().unwrap();
    assert!(batch.records.iter().all(|record| matches!(record.event, Event::Begun(_))), "{batch:?}");
    tracer.answered(1, Answered::Ok(0), false);
    let batch = tracer.next().unwrap();
    assert_eq!(operations(&batch).iter().map(|slow| (slow.number, slow.resumed)).collect::<Vec<_>>(), [(1, true)]);
    tracer.finish();
    let batch = tracer.next().unwrap();
    let [never] = operations(&batch)[..] else { panic!("{batch:?}") };
    assert_eq!((never.number, never.answer), (2, None));
    assert_eq!(tracer.next(), None);
    arrive(&tracer, 3, "too late");
    tracer.answered(3, Answered::Ok(0), false);
    assert_eq!(tracer.next(), None);
}
