//! Which transfers make sense, and what they copy.

use super::manual::{Bench, pattern};
use crate::{
    Errno,
    dma::{Buffer, Completions, Error, Granularity, Invalid, Kinds, Progress, Segment, Transfer},
};
use proptest::{collection::vec, prelude::*};
use std::{sync::Arc, time::Duration};

fn segment((buffer, offset, length): (usize, usize, usize)) -> Segment {
    Segment { buffer, offset, length }
}

fn list(segments: &[(usize, usize, usize)]) -> Vec<Segment> {
    segments.iter().copied().map(segment).collect()
}

fn lists(from: &[(usize, usize, usize)], to: &[(usize, usize, usize)]) -> Transfer {
    let buffers = vec![pattern(1, 16).into(), vec![0; 16].into(), Buffer::Shared(Arc::from([7; 16]))];
    Transfer::scatter_gather(buffers, list(from), list(to))
}

#[test]
fn what_makes_no_sense_is_refused_and_comes_back() {
    let (bench, registry, _engine) = Bench::new();
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    let cyclic = |length, period| Transfer::cyclic(vec![0; length], vec![0; length], period, Duration::ZERO);
    let table = [
        (Transfer::memcpy([], []), Invalid::Empty),
        (Transfer::memcpy([1, 2], [0]), Invalid::Mismatch),
        (Transfer::memcpy([1], Buffer::Shared(Arc::from([0]))), Invalid::ReadOnly),
        (lists(&[], &[]), Invalid::Empty),
        (lists(&[(0, 3, 0), (0, 16, 0)], &[(1, 5, 0)]), Invalid::Empty),
        (lists(&[(0, 0, 8)], &[(1, 0, 7)]), Invalid::Mismatch),
        (lists(&[(0, 0, 0)], &[(1, 0, 7)]), Invalid::Mismatch),
        (lists(&[(0, 9, 8)], &[(1, 0, 8)]), Invalid::OutOfBounds),
        (lists(&[(3, 0, 8)], &[(1, 0, 8)]), Invalid::OutOfBounds),
        (lists(&[(0, 17, 0), (0, 0, 8)], &[(1, 0, 8)]), Invalid::OutOfBounds),
        (lists(&[(0, usize::MAX, 2)], &[(1, 0, 2)]), Invalid::OutOfBounds),
        (lists(&[(0, 0, 16), (0, 0, 16)], &[(1, 0, usize::MAX), (1, 0, 33)]), Invalid::OutOfBounds),
        (lists(&[(0, 0, 8)], &[(2, 0, 8)]), Invalid::ReadOnly),
        (lists(&[(0, 0, 8)], &[(1, 0, 4), (1, 3, 4)]), Invalid::Overlap),
        (lists(&[(0, 0, 8)], &[(1, 4, 4), (1, 1, 4)]), Invalid::Overlap),
        (lists(&[(0, 0, 8)], &[(0, 7, 8)]), Invalid::Overlap),
        (lists(&[(1, 2, 1), (0, 0, 7)], &[(1, 0, 8)]), Invalid::Overlap),
        (cyclic(12, 5), Invalid::Period),
        (cyclic(12, 0), Invalid::Period),
        (cyclic(12, 24), Invalid::Period),
        (cyclic(0, 4), Invalid::Empty),
    ];
    for (mut transfer, want) in table {
        let sizes: Vec<_> = transfer.buffers().iter().map(|buffer| buffer.len()).collect();
        assert_eq!(transfer.copy(), Err(want), "{transfer:?}");
        let rejected = channel.prepare(transfer).unwrap_err();
        assert_eq!(rejected.error, Error::Invalid(want), "{:?}", rejected.transfer);
        assert_eq!(Errno::from(rejected.error), Errno::INVAL);
        assert_eq!(rejected.transfer.buffers().iter().map(|buffer| buffer.len()).collect::<Vec<_>>(), sizes);
    }
    assert_eq!(bench.calls(), ["allocate 0"]);
}

#[test]
fn segments_that_touch_do_not_overlap_and_those_without_length_are_skipped() {
    let mut transfer =
        lists(&[(0, 5, 0), (0, 0, 3), (0, 8, 5), (2, 16, 0)], &[(1, 0, 0), (1, 6, 4), (0, 3, 4), (1, 0, 0)]);
    transfer.copy().unwrap();
    let source = pattern(1, 16);
    let mut want = source.clone();
    want[3..7].copy_from_slice(&source[9..13]);
    assert_eq!(*transfer.buffers()[0], want);
    assert_eq!(transfer.buffers()[1][6..10], [&source[0..3], &source[8..9]].concat());
    assert!(transfer.buffers()[1][..6].iter().chain(&transfer.buffers()[1][10..]).all(|byte| *byte == 0));
}

#[test]
fn kinds_that_the_provider_lacks_are_refused() {
    let (engine, registry) = (super::engine::Engine::only(Kinds::MEMCPY), crate::dma::Registry::new());
    let engine = registry.plug(engine);
    assert_eq!(engine.request(Kinds::CYCLIC).unwrap_err(), Error::NoChannel);
    assert_eq!(registry.request(Kinds::MEMCPY | Kinds::SCATTER_GATHER).unwrap_err(), Error::NoChannel);
    let channel = registry.request(Kinds::MEMCPY).unwrap();
    assert_eq!(channel.prepare(lists(&[(0, 0, 8)], &[(1, 0, 8)])).unwrap_err().error, Error::Unsupported);
    assert_eq!(channel.pause(), Err(Error::Unsupported));
    assert_eq!(Errno::from(Error::Unsupported), Errno::NOSYS);
}

#[test]
fn a_residue_is_as_exact_as_the_provider_can_tell() {
    let transfer = || lists(&[(0, 0, 8)], &[(1, 0, 3), (1, 4, 5)]);
    let table = [
        (Granularity::Burst, [6, 5, 3, 1, 0]),
        (Granularity::Segment, [8, 5, 5, 5, 0]),
        (Granularity::Descriptor, [8, 8, 8, 8, 8]),
    ];
    for (granularity, want) in table {
        let (bench, registry) = (Bench::default(), crate::dma::Registry::new());
        let _engine = registry.plug(super::engine::Coarse::plug(bench.provider(), granularity));
        let channel = registry.request(Kinds::SCATTER_GATHER).unwrap();
        let cookie = super::manual::start(&channel, transfer(), &Completions::new());
        let mut transaction = bench.take();
        let residues: Vec<_> = (0..5).map(|_| (transaction.copy(2), cookie.residue()).1).collect();
        assert_eq!(residues, want, "{granularity:?}");
        assert_eq!(transaction.copy(2), Progress::Done);
        transaction.complete();
        assert_eq!(cookie.residue(), 0);
    }
}

/// Cuts `length` bytes of a buffer into segments at these places, some of them empty.
fn cut(buffer: usize, length: usize, cuts: &[usize]) -> Vec<Segment> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut % (length + 1)).chain([0, length]).collect();
    places.sort_unstable();
    places.windows(2).map(|pair| Segment { buffer, offset: pair[0], length: pair[1] - pair[0] }).collect()
}

proptest! {
    #[test]
    fn lists_copy_as_byte_by_byte(
        length in 1..200_usize,
        reads in vec(0..1000_usize, 0..12),
        writes in vec(0..1000_usize, 0..12),
        order in vec(0..1000_usize, 0..24),
        limit in 1..40_usize,
    ) {
        let (mut from, mut to) = (cut(0, length, &reads), cut(1, length, &writes));
        for (at, swap) in order.iter().enumerate() {
            let list = if at % 2 == 0 { &mut from } else { &mut to };
            let count = list.len();
            list.swap(at % count, swap % count);
        }
        let bytes = |list: &[Segment]| -> Vec<usize> {
            list.iter().flat_map(|segment| segment.offset..segment.offset + segment.length).collect()
        };
        let source = pattern(3, length);
        let mut want = vec![0; length];
        for (read, write) in bytes(&from).into_iter().zip(bytes(&to)) {
            want[write] = source[read];
        }
        let transfer = Transfer::scatter_gather(vec![source.into(), vec![0; length].into()], from, to);
        let mut alone = transfer.clone();
        alone.copy().unwrap();
        prop_assert_eq!(&*alone.buffers()[1], &want[..]);

        let (bench, registry, _engine) = Bench::new();
        let channel = registry.request(Kinds::SCATTER_GATHER).unwrap();
        let completions = Completions::new();
        super::manual::start(&channel, transfer, &completions);
        let mut transaction = bench.take();
        let copy = |from: &[u8], to: &mut [u8]| {
            assert!(!to.is_empty() && to.len() <= limit);
            to.copy_from_slice(from);
        };
        while transaction.copy_with(limit, copy) == Progress::More {}
        transaction.complete();
        let done = super::manual::gathered(&completions).pop().unwrap();
        prop_assert_eq!(&*done.transfer.buffers()[1], &want[..]);
    }

    #[test]
    fn any_lists_are_refused_or_copied_without_a_panic(
        from in vec((0..4_usize, 0..20_usize, 0..20_usize), 0..6),
        to in vec((0..4_usize, 0..20_usize, 0..20_usize), 0..6),
    ) {
        let _ = lists(&from, &to).copy();
    }
}
