//! The seccomp filter that CMD runs under: which calls come to us. Classic BPF over `struct seccomp_data`
//! (`linux/seccomp.h`): number at 0, architecture at 4, arguments from 16 on, 8 bytes each.

use super::{
    arch::{ARCH, ARCH_32, IOCTL, IOCTLS, LSEEK, MAPPED_BY_US, MMAP, OPENS_32, TRANSFERS, VALUES, WATCHED, X32_BIT},
    lending::LENDING,
    road::{Traps, streams},
    signals::SIGNALLING,
    uevents,
};
use crate::sys::seccomp::Instruction;
use outlive_classes::uinput::uapi::ioctl as uinput;
use std::{collections::BTreeMap, ops::Range};

pub(super) const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
/// The low half of argument `n`.
pub(super) const fn argument(n: u32) -> u32 {
    16 + 8 * n
}

pub(super) const ALLOW: Instruction = give(libc::SECCOMP_RET_ALLOW);
pub(super) const NOTIFY: Instruction = give(libc::SECCOMP_RET_USER_NOTIF);
const NOT_THERE: Instruction = give(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);

/// The calls that go by path, fstat, which must say "character device" of our descriptors, and what the kernel would
/// carry out on them as on any file, which our devices refuse: splicing, FIONREAD, moving no bytes; mmap of a file, since
/// FUSE cannot map ours; ioctls that FUSE misunderstands; and the sockets of uevents. Reads, writes and ioctls on descriptors in `traps` come to us, too. All
/// others run at full speed: the kernel finds out which those are (`seccomp_is_const_allow` in kernel/seccomp.c), and does
/// not even run this program for them.
pub(crate) fn program(traps: &Traps) -> Vec<Instruction> {
    let native = native_calls(traps);
    let foreign = foreign_calls();
    // Farther than a comparison can jump.
    let other = always_skip(native.len());
    let mut program = vec![load(ARCHITECTURE), jump(libc::BPF_JEQ, ARCH, 1, 0), other];
    program.extend(native);
    program.extend(foreign);
    program
}

fn native_calls(traps: &Traps) -> Vec<Instruction> {
    // x32 calls have numbers of their own that would slip through.
    let mut part = vec![load(NUMBER), skip_if_below(X32_BIT, 1), NOT_THERE];
    let cases: Vec<_> = cases(traps).into_iter().collect();
    part.extend(tree(&cases));
    part
}

/// What becomes of the calls that are not simply allowed: a piece of program each, which ends with a verdict.
fn cases(traps: &Traps) -> BTreeMap<u32, Vec<Instruction>> {
    let mut cases: BTreeMap<_, _> = uevents::cases().collect();
    cases.extend(WATCHED.map(|number| (number, vec![NOTIFY])));
    cases.insert(MMAP, notify_of_mapped_files());
    match traps {
        Traps::All => {
            cases.extend(TRANSFERS.map(|number| (number, vec![NOTIFY])));
            cases.insert(LSEEK, vec![NOTIFY]);
            // It would do by itself what is trapped here.
            cases.insert(libc::SYS_io_uring_setup as u32, vec![NOT_THERE]);
        }
        Traps::Nothing | Traps::Range(_) => {
            let (all, streams) = match traps {
                Traps::Range(range) => (notify_of_descriptors(range), notify_of_descriptors(&streams(range))),
                _ => (vec![ALLOW], vec![ALLOW]),
            };
            for number in [libc::SYS_read, libc::SYS_write] {
                cases.insert(number as u32, [&notify_of_nothing_to_move()[..], &streams].concat());
            }
            for number in [libc::SYS_pread64, libc::SYS_pwrite64] {
                cases.insert(number as u32, [&notify_of_nothing_to_move()[..], &[ALLOW]].concat());
            }
            let ioctls = IOCTLS.iter().chain(&VALUES).chain(&uinput::VALUES).chain(&LENDING);
            let ioctls = ioctls.flat_map(|command| [skip_unless_equal(*command, 1), NOTIFY]);
            if let Traps::Range(range) = traps {
                cases.insert(libc::SYS_prctl as u32, notify_of_hiding().to_vec());
                cases.insert(libc::SYS_fcntl as u32, notify_of_signals(range));
            }
            cases.insert(IOCTL, [load(argument(1))].into_iter().chain(ioctls).chain(all).collect());
        }
    }
    cases
}

/// Finds the case of the number in the accumulator, by halves; allows what has none.
fn tree(cases: &[(u32, Vec<Instruction>)]) -> Vec<Instruction> {
    match cases {
        [] => vec![ALLOW],
        [(number, case)] => {
            let mut part = vec![skip_unless_equal(*number, case.len())];
            part.extend(case);
            part.push(ALLOW);
            part
        }
        _ => {
            let (low, high) = cases.split_at(cases.len() / 2);
            let (pivot, low, high) = (high[0].0, tree(low), tree(high));
            let mut part = match u8::try_from(low.len()) {
                Ok(length) => vec![jump(libc::BPF_JGE, pivot, length, 0)],
                Err(_) => vec![skip_if_below(pivot, 1), always_skip(low.len())],
            };
            part.extend(low);
            part.extend(high);
            part
        }
    }
}

/// Notify of a call on a descriptor in `range`, allow others.
pub(super) fn notify_of_descriptors(range: &Range<u32>) -> Vec<Instruction> {
    let last = [jump(libc::BPF_JGE, range.start, 0, 1), jump(libc::BPF_JGE, range.end, 0, 1)];
    [&[load(argument(0))], &last[..], &[ALLOW, NOTIFY]].concat()
}

/// Notify of an mmap of a file, unless we have it made.
fn notify_of_mapped_files() -> Vec<Instruction> {
    vec![
        load(argument(3)),
        jump(libc::BPF_JSET, libc::MAP_ANONYMOUS as u32, 2, 0),
        load(argument(4) + 4),
        skip_unless_equal(MAPPED_BY_US, 1),
        ALLOW,
        NOTIFY,
    ]
}

/// Notify of a read or write of no bytes: FUSE answers that by itself, with a success that a zombie must not have (I16).
/// Others go on behind it.
fn notify_of_nothing_to_move() -> [Instruction; 5] {
    let count = argument(2);
    [load(count), skip_unless_equal(0, 3), load(count + 4), skip_unless_equal(0, 1), NOTIFY]
}

/// Notify of a process that makes its memory known to its user, or unknown.
fn notify_of_hiding() -> [Instruction; 3] {
    [load(argument(0)), skip_unless_equal(libc::PR_SET_DUMPABLE as u32, 1), NOTIFY]
}

/// Notify of what has to do with signals for descriptors in `range`, of which FUSE is not told.
fn notify_of_signals(range: &Range<u32>) -> Vec<Instruction> {
    let left = |index: usize| (SIGNALLING.len() - index) as u8;
    let commands =
        SIGNALLING.iter().enumerate().map(|(index, it)| jump(libc::BPF_JEQ, it.cast_unsigned(), left(index), 0));
    let before = [load(argument(1))].into_iter().chain(commands).chain([ALLOW]);
    before.chain(notify_of_descriptors(range)).collect()
}

fn foreign_calls() -> Vec<Instruction> {
    let mut part = vec![load(ARCHITECTURE), skip_unless_equal(ARCH_32, 2 * OPENS_32.len() + 1), load(NUMBER)];
    for number in OPENS_32 {
        part.extend([skip_unless_equal(number, 1), NOTIFY]);
    }
    part.push(ALLOW);
    part
}

pub(super) fn load(offset: u32) -> Instruction {
    Instruction { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

pub(super) const fn give(action: u32) -> Instruction {
    Instruction { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: action }
}

pub(super) fn jump(test: u32, value: u32, yes: u8, no: u8) -> Instruction {
    Instruction { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt: yes, jf: no, k: value }
}

pub(super) fn skip_unless_equal(value: u32, count: usize) -> Instruction {
    jump(libc::BPF_JEQ, value, 0, count as u8)
}

fn always_skip(count: usize) -> Instruction {
    Instruction { code: (libc::BPF_JMP | libc::BPF_JA) as u16, jt: 0, jf: 0, k: count as u32 }
}

pub(super) fn skip_if_below(value: u32, count: u8) -> Instruction {
    jump(libc::BPF_JGE, value, 0, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::run::arch::SOCKET;

    /// Runs the program as the kernel would.
    fn verdict(arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        verdict_of(program(&Traps::Nothing), arch, number, arguments)
    }

    fn verdict_of(program: Vec<Instruction>, arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = Vec::from(number.to_ne_bytes());
        data.extend(arch.to_ne_bytes());
        data.extend([0; 8]);
        arguments.iter().for_each(|a| data.extend(a.to_ne_bytes()));
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            at += 1;
            let code = u32::from(code);
            if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS {
                accumulator = u32::from_ne_bytes(data[k as usize..][..4].try_into().unwrap());
            } else if code == libc::BPF_RET | libc::BPF_K {
                return k;
            } else if code == libc::BPF_JMP | libc::BPF_JA {
                at += k as usize;
            } else {
                let holds = match code & 0xf0 {
                    libc::BPF_JEQ => accumulator == k,
                    libc::BPF_JGE => accumulator >= k,
                    libc::BPF_JSET => accumulator & k != 0,
                    test => panic!("{test:#x}"),
                };
                at += usize::from(if holds { jt } else { jf });
            }
        }
    }

    #[test]
    fn descriptors_in_the_range_are_trapped() {
        use libc::{SECCOMP_RET_ALLOW as ALLOW, SECCOMP_RET_USER_NOTIF as NOTIFY};
        let on = |number: libc::c_long, fd: u64| {
            verdict_of(program(&Traps::Range(512..1024)), ARCH, number as u32, [fd, 0x0720, 7, 0, 0, 0])
        };
        // The reads and writes of files with a position go by FUSE.
        for (number, positioned) in [(libc::SYS_ioctl, NOTIFY), (libc::SYS_read, ALLOW), (libc::SYS_write, ALLOW)] {
            for (fd, wanted) in [(0, ALLOW), (511, ALLOW), (512, NOTIFY), (959, NOTIFY), (960, positioned)] {
                assert_eq!(on(number, fd), wanted, "{number} on {fd}");
            }
            for (fd, wanted) in [(1023, positioned), (1024, ALLOW), (u64::MAX, ALLOW)] {
                assert_eq!(on(number, fd), wanted, "{number} on {fd}");
            }
        }
        assert_eq!(on(libc::SYS_pread64, 960), ALLOW);
        let of_nothing =
            |number: libc::c_long| verdict_of(program(&Traps::Nothing), ARCH, number as u32, [3, 1, 0, 5, 0, 0]);
        assert_eq!([of_nothing(libc::SYS_pread64), of_nothing(libc::SYS_pwrite64)], [NOTIFY; 2]);
        for number in [libc::SYS_readv, libc::SYS_close, libc::SYS_dup2, libc::SYS_poll] {
            assert_eq!(on(number, 512), ALLOW);
        }
        // FIONREAD, which the kernel would answer.
        let fionread =
            verdict_of(program(&Traps::Range(512..1024)), ARCH, libc::SYS_ioctl as u32, [3, 0x541b, 0, 0, 0, 0]);
        assert_eq!(fionread, NOTIFY);
        let of_nothing = verdict_of(program(&Traps::Range(512..1024)), ARCH, libc::SYS_read as u32, [3, 0, 0, 0, 0, 0]);
        assert_eq!(of_nothing, NOTIFY);
        let set = |traps: Traps, what: i32| {
            verdict_of(program(&traps), ARCH, libc::SYS_prctl as u32, [what as u64, 0, 0, 0, 0, 0])
        };
        assert_eq!(set(Traps::Range(512..1024), libc::PR_SET_DUMPABLE), NOTIFY);
        assert_eq!(set(Traps::Range(512..1024), libc::PR_SET_NAME), ALLOW);
        assert_eq!(set(Traps::Nothing, libc::PR_SET_DUMPABLE), ALLOW);
        let control = |descriptor: u64, command: i32| {
            let arguments = [descriptor, command as u64, 0, 0, 0, 0];
            verdict_of(program(&Traps::Range(512..1024)), ARCH, libc::SYS_fcntl as u32, arguments)
        };
        for command in SIGNALLING {
            assert_eq!([3, 511, 512, 1023, 1024].map(|fd| control(fd, command)), [ALLOW, ALLOW, NOTIFY, NOTIFY, ALLOW]);
        }
        for command in [libc::F_DUPFD, libc::F_GETFD, libc::F_SETLK, libc::F_GETOWN, 0x406] {
            assert_eq!(control(512, command), ALLOW, "{command}");
        }
    }

    #[test]
    fn each_call_gets_its_verdict() {
        use libc::{SECCOMP_RET_ALLOW as ALLOW, SECCOMP_RET_USER_NOTIF as NOTIFY};
        for number in WATCHED {
            assert_eq!(verdict(ARCH, number, [0; 6]), NOTIFY, "{number}");
        }
        for number in [libc::SYS_ioctl, libc::SYS_close, libc::SYS_clone] {
            assert_eq!(verdict(ARCH, number as u32, [0; 6]), ALLOW, "{number}");
        }
        for number in [libc::SYS_read, libc::SYS_write] {
            for (count, wanted) in [(0, NOTIFY), (1, ALLOW), (1 << 32, ALLOW), (u64::MAX, ALLOW)] {
                assert_eq!(verdict(ARCH, number as u32, [3, 0, count, 0, 0, 0]), wanted, "{number} of {count}");
            }
        }
        let map = |flags: i32| verdict(ARCH, MMAP, [0, 0, 0, flags as u64, 0, 0]);
        assert_eq!(map(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS), ALLOW);
        assert_eq!(map(libc::MAP_PRIVATE), NOTIFY);
        assert_eq!(map(libc::MAP_SHARED), NOTIFY);
        let ioctl = |request: u64| verdict(ARCH, IOCTL, [3, request, 0, 0, 0, 0]);
        assert_eq!(IOCTLS.map(|request| ioctl(request.into())), [NOTIFY; 2]);
        assert_eq!(u64::from(IOCTLS[0]), libc::FIONREAD);
        assert_eq!(VALUES.map(|request| ioctl(request.into())), [NOTIFY; 3]);
        assert_eq!(uinput::VALUES.map(|request| ioctl(request.into())), [NOTIFY; 11]);
        assert_eq!(LENDING.map(|request| ioctl(request.into())), [NOTIFY; 1]);
        assert_eq!((ioctl(0x0720), ioctl(libc::TCGETS)), (ALLOW, ALLOW));
        let socket = |family: i32, protocol: i32| verdict(ARCH, SOCKET, [family as u64, 3, protocol as u64, 0, 0, 0]);
        assert_eq!(socket(libc::AF_NETLINK, libc::NETLINK_KOBJECT_UEVENT), NOTIFY);
        assert_eq!(socket(libc::AF_NETLINK, libc::NETLINK_ROUTE), ALLOW);
        assert_eq!(socket(libc::AF_UNIX, libc::NETLINK_KOBJECT_UEVENT), ALLOW);
        let low = |number: i64, second, third| verdict(ARCH, number as u32, [3, second, third, 0, 0, 0]);
        assert_eq!([low(libc::SYS_bind, 8, 12), low(libc::SYS_bind, 12, 16)], [NOTIFY, ALLOW]);
        assert_eq!([low(libc::SYS_setsockopt, 270, 1), low(libc::SYS_setsockopt, 1, 270)], [NOTIFY, ALLOW]);
        assert_eq!(low(libc::SYS_getsockopt, 270, 12), ALLOW);
        for number in [libc::SYS_recvmsg, libc::SYS_recvmmsg, libc::SYS_sendmmsg, libc::SYS_bind, libc::SYS_getsockopt]
        {
            for (descriptor, wanted) in [(447, ALLOW), (448, NOTIFY), (511, NOTIFY), (512, ALLOW), (1023, ALLOW)] {
                assert_eq!(verdict(ARCH, number as u32, [descriptor; 6]), wanted, "{number} of {descriptor}");
            }
        }
        assert_eq!(verdict(ARCH, libc::SYS_clone as u32, [450; 6]), ALLOW);
        let ours = u64::from(MAPPED_BY_US) << 32 | 3;
        assert_eq!(verdict(ARCH, MMAP, [0, 0, 0, libc::MAP_SHARED as u64, ours, 0]), ALLOW);
        assert_eq!(verdict(ARCH, X32_BIT | 2, [0; 6]), libc::SECCOMP_RET_ERRNO | 38);
        for number in OPENS_32 {
            assert_eq!(verdict(ARCH_32, number, [0; 6]), NOTIFY, "{number}");
        }
        assert_eq!(verdict(ARCH_32, 3, [0; 6]), ALLOW);
        assert_eq!(verdict(0xc000_00b7, 56, [0; 6]), ALLOW);
    }
}
