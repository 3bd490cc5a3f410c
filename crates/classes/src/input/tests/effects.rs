//! Force feedback: from a client to the driver.

use super::bench::{Behaviour, Bench, Client};
use crate::{
    Answer, Contract, Errno,
    client::{BASE, READ_ONLY},
    input::uapi::{EFFECT_SIZE, ev, ff, ioctl},
};

const SFF: u32 = ioctl::SFF | (EFFECT_SIZE as u32) << 16;

/// Uploads a rumble, a new one if its number is -1; its number.
fn upload(client: &Client, number: i16) -> Result<i16, Errno> {
    put(client, number);
    client.ioctl(SFF, BASE)?;
    Ok(i16::from_ne_bytes(client.arena.get(BASE + 2, 2).try_into().unwrap()))
}

fn put(client: &Client, number: i16) {
    client.arena.put(BASE, &[0; EFFECT_SIZE]);
    client.arena.put(BASE, &ff::RUMBLE.to_ne_bytes());
    client.arena.put(BASE + 2, &number.to_ne_bytes());
}

#[test]
fn effects_reach_the_driver_and_are_their_owners() {
    let bench = Bench::new();
    let (client, other) = (&bench.client, bench.open());
    assert_eq!(upload(client, -1), Ok(0));
    assert_eq!(upload(&other, -1), Ok(1));
    assert_eq!(upload(client, -1), Err(Errno::NOSPC));
    assert_eq!(upload(client, 0), Ok(0));
    assert_eq!(upload(client, 1), Err(Errno::ACCESS));
    assert_eq!(client.write(&[(ev::FF, 0, 2)]), Ok(Answer::Value(24)));
    assert_eq!(client.ioctl(ioctl::RMFF, 1), Err(Errno::ACCESS));
    assert_eq!(client.ioctl(ioctl::RMFF, 5), Err(Errno::INVAL));
    assert_eq!(client.ioctl(ioctl::RMFF, u64::MAX), Err(Errno::INVAL));
    assert_eq!(client.ioctl(ioctl::RMFF, 0), Ok(0));
    let told = bench.told();
    assert_eq!(told, ["opened", "upload 0", "upload 1", "upload 0 again", "0x15 0 2", "0x15 0 0", "erase 0"]);
}

#[test]
fn a_close_and_a_revoke_leave_nothing_behind() {
    let bench = Bench::new();
    let other = bench.open();
    assert_eq!((upload(&bench.client, -1), upload(&other, -1)), (Ok(0), Ok(1)));
    bench.told();
    drop(other);
    assert_eq!(bench.told(), ["0x15 1 0", "erase 1"]);
    assert_eq!(bench.client.ioctl(ioctl::REVOKE, 0), Ok(0));
    assert_eq!(bench.told(), ["0x15 0 0", "erase 0"]);
    drop(bench.client);
    assert_eq!(std::mem::take(&mut *bench.notes.told.lock().unwrap()), ["closed"]);
}

#[test]
fn what_the_driver_refuses_did_not_happen() {
    let bench = Bench::new();
    bench.behave(Behaviour::Refuses);
    assert_eq!(upload(&bench.client, -1), Err(Errno::NOSPC));
    bench.behave(Behaviour::Takes);
    assert_eq!(upload(&bench.client, -1), Ok(0));
    bench.behave(Behaviour::Refuses);
    assert_eq!(bench.client.ioctl(ioctl::RMFF, 0), Err(Errno::NOSPC));
    bench.behave(Behaviour::Takes);
    assert_eq!(bench.client.ioctl(ioctl::RMFF, 0), Ok(0));
    bench.client.arena.put(READ_ONLY, &bench.client.arena.get(BASE, EFFECT_SIZE));
    bench.client.arena.put(READ_ONLY + 2, &(-1i16).to_ne_bytes());
    assert_eq!(bench.client.ioctl(SFF, READ_ONLY), Err(Errno::FAULT), "the number cannot be written");
}

/// I17: an upload that is in the driver's hands as the device goes is told once.
#[test]
fn an_upload_under_way_is_cancelled() {
    for (contract, want) in
        [(Contract::Strict, Err(Errno::NODEV)), (Contract::Quiet, Ok(0)), (Contract::Linux, Err(Errno::NODEV))]
    {
        let bench = Bench::under(contract);
        bench.behave(Behaviour::Holds);
        put(&bench.client, -1);
        let (heard, number) = bench.client.begin(crate::Call::Ioctl { command: SFF, argument: BASE });
        assert!(number.is_some() && heard.is_waiting());
        bench.pull();
        let said = heard.answer().map(|answer| if let Answer::Value(value) = answer { value } else { -1 });
        assert_eq!(said, want, "{contract}");
    }
}
