//! Event streams.

use crate::*;
use outlive::{Item, State, Stream, Subscribers};

/// Reads to the end, in any way there is. The numbers that were heard or missed.
fn read(stream: &Stream<u64, (), Chip>) -> u64 {
    let (mut last, mut closing) = (0, 0);
    loop {
        let item = match pick(3) {
            0 => shuttle::future::block_on(stream.next_item()),
            1 => {
                let readable = stream.is_readable();
                let item = stream.try_next();
                assert!(item.is_some() || !readable, "IN, and nothing to read");
                match item {
                    None => {
                        thread::yield_now();
                        continue;
                    }
                    some => some,
                }
            }
            _ => stream.next(NO_LIMIT),
        };
        match item.expect("the removal is the last to be heard") {
            Item::Event(number) => {
                assert!(number > last, "{number} after {last}: in order, and each once");
                last = number;
            }
            Item::Missed(missed) => last += missed,
            Item::Closing => closing += 1,
            Item::Gone(_) => break,
        }
    }
    assert!(closing <= 1, "asked to leave {closing} times");
    assert_eq!(stream.try_next(), None, "the removal is the last, once");
    assert_eq!(stream.next(NO_LIMIT), None);
    last
}

/// I18, I21, I33: however slow the readers are, each hears what was told in order, learns what it missed where it is
/// missing, and hears of the removal last and once; and no teller waits for anybody.
pub(crate) fn readers_and_tellers() {
    let (device, driver) = device();
    let (keys, handle) = (Subscribers::new(), device.open().unwrap());
    let streams: Vec<_> = (1..=2).map(|room| keys.subscribe(&handle, room)).collect();
    let readers: Vec<_> = streams.into_iter().map(|stream| thread::spawn(move || read(&stream))).collect();
    let (late, subscribed) = (keys.clone(), handle.clone());
    let latecomer = thread::spawn(move || read_any(&late.subscribe(&subscribed, 1)));
    let teller = thread::spawn(move || (1..=4).for_each(|number| keys.tell(number)));
    if pick(2) == 0 {
        let _ = device.set_state(State::Closing);
    }
    let hardware = device.unplug(Reason::Pulled).wait(NO_LIMIT).unwrap();
    driver.fence();
    drop(hardware);
    teller.join().unwrap();
    latecomer.join().unwrap();
    for heard in join(readers) {
        assert!(heard <= 4, "{heard} events of four");
    }
}

/// One who came late does not know how many it was too late for: it only reads to the end.
fn read_any(stream: &Stream<u64, (), Chip>) {
    let items: Vec<_> = std::iter::from_fn(|| stream.next(NO_LIMIT)).collect();
    let ends = items.iter().filter(|item| matches!(item, Item::Gone(_))).count();
    assert!(ends == 1 && matches!(items.last(), Some(Item::Gone(_))), "the removal is the last, once: {items:?}");
}
