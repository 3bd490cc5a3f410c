//! Random calls with random memory: none panics, each arrives and is answered exactly once, alive, across the pull, and as a
//! zombie; and nothing of it is read twice.

use super::bench::{ARRAY, Bench, Client};
use crate::{
    Call, Contract, Errno,
    client::{BASE, READ_ONLY, SIZE, WILD},
    drm::uapi::ioctl::ALL,
};
use proptest::{collection::vec, prelude::*, sample::select};

/// Words that are worth trying: ids, sizes, flags, addresses, and anything.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        6 => 0..48_u32,
        2 => select(vec![64, 256, 640, 480, 0x100, 0x200, 0x400, 0x0400_0000, 0x1000_0001, u32::MAX, 1 << 31]),
        1 => select(vec![0xcccc_cccc, 0xc0c0_c0c0, 0xeeee_eeee, 0x3432_5258, 0x3432_5241]),
        2 => select(vec![BASE as u32, ARRAY as u32, READ_ONLY as u32, WILD as u32]),
        1 => any::<u32>(),
    ]
}

/// What a client's memory begins with.
fn memory() -> impl Strategy<Value = Vec<u8>> {
    // An address is a word and a word of zeroes after it.
    let address =
        prop_oneof![3 => select(vec![BASE, ARRAY, ARRAY + 64, READ_ONLY - 8]), 1 => select(vec![0, WILD, u64::MAX])];
    let piece = prop_oneof![
        3 => word().prop_map(|word| word.to_ne_bytes().to_vec()),
        1 => address.prop_map(|address| address.to_ne_bytes().to_vec()),
    ];
    vec(piece, 28..40).prop_map(|pieces| pieces.concat())
}

fn call() -> impl Strategy<Value = Call> {
    let argument = prop_oneof![8 => Just(BASE), 1 => select(vec![0, WILD, READ_ONLY, BASE + SIZE as u64 - 2])];
    let ioctl = (0..ALL.len(), argument, prop_oneof![5 => Just(None), 1 => (0..0x200_u32).prop_map(Some)]);
    let ioctl = ioctl.prop_map(|(which, argument, size)| {
        let whole = ALL[which].command;
        let command = size.map_or(whole, |size| whole & !(0x3fff << 16) | size << 16);
        Call::Ioctl { command, argument }
    });
    prop_oneof![
        20 => ioctl,
        1 => (0..100_usize).prop_map(|size| Call::Read { size }),
        1 => any::<u32>().prop_map(|command| Call::Ioctl { command, argument: BASE }),
    ]
}

/// Begins it; one that still sleeps in the end is given up.
fn try_it(client: &Client, bench: &Bench, memory: &[u8], call: Call) {
    client.arena.put(BASE, memory);
    let before = format!("{call:?}");
    let (heard, number) = client.begin(call);
    if heard.is_waiting() {
        bench.frame();
    }
    if heard.is_waiting() {
        client.file.cancel(number.expect("what sleeps has a number"));
    }
    assert!(heard.once().is_ok(), "{before}: {:?}", heard.once());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn each_call_is_answered_once(
        contract in select(Contract::ALL.to_vec()),
        calls in vec((memory(), call()), 30..60),
        pulled in 0..60_usize,
    ) {
        let (bench, fb) = Bench::lit(contract);
        bench.client.dumb(64, 64);
        let other = bench.open(false);
        for (index, (memory, call)) in calls.into_iter().enumerate() {
            if index == pulled {
                bench.client.flip(0, fb, 9).unwrap_or(());
                let calls = bench.calls();
                drop(bench.pull());
                prop_assert_eq!(bench.calls(), calls);
            }
            let client = if index % 4 == 3 { &other } else { &bench.client };
            try_it(client, &bench, &memory, call);
        }
    }
}

/// What a client has of buffers has an end.
#[test]
fn nobody_has_more_than_so_many() {
    let bench = Bench::new();
    let made = (0..5000).map(|_| bench.client.blob(b"x")).take_while(Result::is_ok).count();
    assert_eq!((made, bench.client.blob(b"x")), (4096, Err(Errno::NOMEM)));
}
