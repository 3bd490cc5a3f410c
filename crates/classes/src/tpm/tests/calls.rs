//! What a TPM says that is there.

use super::bench::{Behaviour, Bench, READ_WRITE, data, get_random, random};
use crate::{
    Answer, Call, Errno, Payload, Plugged, PollBits,
    tpm::{Error, uapi::BUFFER_SIZE},
};
use std::sync::{
    Arc,
    atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
};

const READABLE: PollBits = PollBits(0x41);
const WRITABLE: PollBits = PollBits(0x104);
const WRITTEN: Result<Answer, Errno> = Ok(Answer::Value(12));

#[test]
fn a_write_is_a_command_and_reads_bring_its_response() {
    let bench = Bench::new();
    assert_eq!((bench.file.poll(), bench.read(4096)), (WRITABLE, data(b"")));
    let write = bench.begin_write(&get_random(8));
    assert_eq!(write.heard.once(), Ok(("GetRandom, 12 bytes".to_owned(), WRITTEN)));
    assert_eq!(write.heard.data().sent, Some(Payload::Pieces(vec![get_random(8)])));
    assert_eq!(bench.file.poll(), READABLE);
    assert_eq!(bench.read(4096), data(&random(8)));
    assert_eq!((bench.file.poll(), bench.read(4096)), (WRITABLE, data(b"")));
}

#[test]
fn a_response_is_read_in_pieces() {
    let bench = Bench::new();
    assert_eq!(bench.write(&get_random(8)), WRITTEN);
    for piece in random(8).chunks(7) {
        assert_eq!(bench.file.poll(), READABLE);
        assert_eq!(bench.read(7), data(piece));
    }
    assert_eq!((bench.file.poll(), bench.read(7)), (WRITABLE, data(b"")));
}

/// `response_read` of `struct file_priv`: a read of a part is enough.
#[test]
fn a_response_is_kept_until_a_read_has_begun_and_another_command_comes() {
    let bench = Bench::new();
    assert_eq!(bench.write(&get_random(8)), WRITTEN);
    assert_eq!(bench.write(&get_random(4)), Err(Errno::BUSY));
    assert_eq!(bench.read(3), data(&random(8)[..3]));
    assert_eq!(bench.write(&get_random(4)), WRITTEN);
    assert_eq!(bench.read(4096), data(&random(4)));
}

/// Also a read of nothing is one (`tpm_common_read`), and it forgets the response.
#[test]
fn a_read_of_nothing_forgets_the_response() {
    let bench = Bench::new();
    assert_eq!(bench.write(&get_random(8)), WRITTEN);
    assert_eq!((bench.read(0), bench.read(4096)), (data(b""), data(b"")));
    assert_eq!(bench.write(&get_random(4)), WRITTEN);
}

#[test]
fn what_is_no_whole_command_is_refused() {
    let bench = Bench::new();
    let command = get_random(8);
    for short in 0..command.len() {
        assert_eq!(bench.write(&command[..short]), Err(Errno::INVAL), "{short}");
    }
    assert_eq!(bench.write(&vec![0; BUFFER_SIZE + 1]), Err(Errno::TOOBIG));
    let mut nothing = command.clone();
    nothing[5] = 0;
    assert_eq!(bench.write(&nothing), Err(Errno::NODATA));
    assert_eq!((bench.read(9), bench.commands()), (data(b""), 0));
    let mut more = command.clone();
    more.resize(BUFFER_SIZE, 0xff);
    assert_eq!(bench.write(&more), Ok(Answer::Value(BUFFER_SIZE as i32)));
    let mut short = command.clone();
    short[5] = 6;
    assert_eq!(bench.read(4096), data(&random(8)));
    assert_eq!(bench.write(&short), WRITTEN);
    assert_eq!(*bench.notes.commands.lock().unwrap(), [command, short[..6].to_vec()]);
}

#[test]
fn what_is_no_call_of_the_class_is_refused() {
    let bench = Bench::new();
    assert_eq!(bench.begin(Call::Ioctl { command: 0x1234, argument: 0 }).answer(), Err(Errno::NOTTY));
    assert_eq!(bench.begin(Call::ReadAt { at: 0, size: 1 }).answer(), Err(Errno::SPIPE));
    assert_eq!(bench.begin(Call::WriteAt { at: 0, data: get_random(8) }).answer(), Err(Errno::SPIPE));
    assert_eq!(bench.commands(), 0);
}

/// `tpm_open`: one at a time; and the TPM hears of the first.
#[test]
fn there_is_one_place_for_a_user() {
    let bench = Bench::new();
    assert!(bench.notes.opened.load(SeqCst));
    assert_eq!(bench.chip.open(READ_WRITE).err(), Some(Errno::BUSY));
    assert_eq!(bench.write(&get_random(8)), WRITTEN);
    let Bench { chip, file, notes } = bench;
    drop(file);
    let file = chip.open(READ_WRITE).unwrap();
    let bench = Bench { chip, file, notes };
    assert_eq!(bench.read(4096), data(b""), "the response was the other one's");
}

/// In Linux its close waits.
#[test]
fn who_closes_it_keeps_it_until_the_command_has_ended() {
    let Bench { chip, file, notes } = Bench::new();
    notes.behave(Behaviour::Hold);
    file.set_nonblock(true);
    let bench = Bench { chip: chip.clone(), file, notes: notes.clone() };
    assert_eq!(bench.write(&get_random(8)), WRITTEN);
    drop(bench);
    assert_eq!(chip.open(READ_WRITE).err(), Some(Errno::BUSY));
    notes.release();
    assert!(chip.open(READ_WRITE).is_ok());
}

#[test]
fn without_waiting_a_write_returns_at_once_and_poll_tells() {
    let bench = Bench::new();
    bench.file.set_nonblock(true);
    bench.notes.behave(Behaviour::Hold);
    let woken = Arc::new(AtomicUsize::new(0));
    let count = woken.clone();
    let watch = bench.file.on_news(Arc::new(move || _ = count.fetch_add(1, Relaxed)));
    assert_eq!(bench.write(&get_random(4)), WRITTEN);
    assert_eq!((bench.file.poll(), bench.write(&get_random(4))), (PollBits(0), Err(Errno::BUSY)));
    let read = bench.begin_read();
    assert!(read.is_waiting(), "the kernel's waits for a mutex");
    assert_eq!(woken.load(Relaxed), 0);
    bench.notes.release();
    assert_eq!((read.answer(), woken.load(Relaxed)), (data(&random(4)), 1));
    assert_eq!(bench.write(&get_random(4)), WRITTEN);
    bench.notes.release();
    assert_eq!((bench.file.poll(), woken.load(Relaxed)), (READABLE, 2));
    drop(watch);
    assert_eq!(bench.read(4096), data(&random(4)));
    assert_eq!(bench.write(&get_random(4)), WRITTEN);
    bench.notes.release();
    assert_eq!(woken.load(Relaxed), 2);
}

#[test]
fn a_write_that_does_not_wait_waits_for_the_tpm_to_begin() {
    let bench = Bench::new();
    bench.file.set_nonblock(true);
    *bench.notes.beginning.lock().unwrap() = Some(Vec::new());
    let write = bench.begin_write(&get_random(4));
    assert!(write.is_waiting());
    let waiting = bench.notes.beginning.lock().unwrap().take().unwrap();
    waiting.into_iter().for_each(|waiting| (waiting.0)());
    assert_eq!((write.answer(), bench.read(99)), (WRITTEN, data(&random(4))));
}

/// Whoever waits is told by the write; without waiting the next read is told, once.
#[test]
fn failures_are_told_where_somebody_listens() {
    let short = random(4)[..13].to_vec();
    let long = [0x80, 1, 0, 0, 0x10, 1].iter().copied().chain([0; 4091]).collect();
    for (answer, errno) in [
        (Err(Error::TimedOut), Errno::TIME),
        (Err(Error::Canceled), Errno::CANCELED),
        (Err(Error::Io), Errno::IO),
        (Ok(Vec::new()), Errno::FAULT),
        (Ok(vec![0x80, 1, 0, 0, 0, 9, 0, 0, 0]), Errno::FAULT),
        (Ok(short), Errno::FAULT),
        (Ok(long), Errno::FAULT),
    ] {
        let bench = Bench::new();
        bench.notes.behave(Behaviour::Says(answer));
        assert_eq!(bench.write(&get_random(8)), Err(errno));
        assert_eq!((bench.read(9), bench.file.poll()), (data(b""), WRITABLE));
        bench.file.set_nonblock(true);
        assert_eq!((bench.write(&get_random(8)), bench.file.poll()), (WRITTEN, READABLE));
        assert_eq!((bench.read(9), bench.read(9)), (Err(errno), data(b"")));
        assert_eq!(bench.file.poll(), WRITABLE);
    }
    let bench = Bench::new();
    bench.file.set_nonblock(true);
    let mut nothing = get_random(8);
    nothing[5] = 0;
    assert_eq!((bench.write(&nothing), bench.read(9)), (WRITTEN, Err(Errno::NODATA)));
}

/// A client that is being killed.
#[test]
fn a_command_can_be_given_up() {
    let bench = Bench::new();
    bench.notes.behave(Behaviour::Hold);
    let write = bench.begin_write(&get_random(8));
    assert!(write.is_waiting() && bench.notes.is_holding());
    let read = bench.begin_read();
    bench.file.cancel(read.number.expect("it is inside"));
    assert_eq!(read.answer(), Err(Errno::INTR));
    let read = bench.begin_read();
    bench.file.cancel(write.number.expect("it is inside"));
    assert_eq!((write.answer(), read.answer()), (Err(Errno::INTR), data(b"")));
    assert!(!bench.notes.is_holding());
    bench.notes.behave(Behaviour::Prompt);
    assert_eq!((bench.write(&get_random(8)), bench.read(99)), (WRITTEN, data(&random(8))));
}
