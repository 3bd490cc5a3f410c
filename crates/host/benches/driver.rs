//! A driver in another process beside the same one in this process, and beside a ping-pong of packets: SOCK_SEQPACKET to a
//! process that does nothing but send back. All by the lab's device, without a front.
//!
//! An operation is a read of a byte of an EEPROM, or of a MiB of NOR flash, which goes by the area. The next one begins when
//! the last one has been answered, as a front does it: in the thread that hears the answer. (*woken*: a thread of ours sleeps
//! until then, as a program does; that is a wake-up more.) Each round measures all sides in turn; what is said of a side is
//! the median of the rounds' medians, and of ratios the median of the rounds' ratios.
//!
//! `cargo xtask bench driver`, or, pinned to a core, `cargo bench -p outlive-host --bench driver -- OUTLIVE [ROUNDS [CALLS]]`:
//! which binary serves, how many rounds, and how many operations in each; of large ones a hundredth.

use outlive_classes::{
    Access, Answer, Call, Completion, Errno, File, NoMemory, OpenFlags, i2c::uapi::ioctl::I2C_SLAVE,
};
use outlive_host::lab::{Lab, LabConfig, Lookup, Source};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair},
};
use std::{
    fmt,
    os::fd::OwnedFd,
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// What an operation may cost more than in this process, in ping-pongs.
const AT_MOST_PING_PONGS: f64 = 1.5;
/// So many times as long as in this process a large read may take.
const AT_MOST_LARGE: f64 = 1.3;
const LARGE: usize = 1 << 20;
/// As large as the frames of such a transfer and of its answer.
const ASKED: usize = 72;
const ANSWERED: usize = 37;
/// What the process that sends back is called with.
const ECHO: &str = "--echo";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|argument| argument == ECHO) {
        return echo();
    }
    let number = |at: usize, default| arguments.get(at).map_or(default, |text| text.parse().expect("a whole number"));
    let Some(outlive) = arguments.first() else {
        eprintln!("which binary serves? cargo bench -p outlive-host --bench driver -- OUTLIVE [ROUNDS [CALLS]]");
        std::process::exit(2);
    };
    let (rounds, calls) = (number(1, 11), number(2, 20_000));
    let sides = Sides::new(outlive);
    let rounds: Vec<_> = (0..rounds).map(|_| sides.round(calls.max(1))).collect();
    print(&rounds);
}

/// Sends back as much as an answer has, until nothing comes.
fn echo() {
    let socket = rustix::stdio::stdin();
    let mut packet = [0; 256];
    while let Ok((1.., _)) = recv(socket, &mut packet, RecvFlags::empty()) {
        if send(socket, &packet[..ANSWERED], SendFlags::NOSIGNAL).is_err() {
            return;
        }
    }
}

/// One process and a socket to it.
struct Pong {
    socket: OwnedFd,
    child: std::process::Child,
}

impl Pong {
    fn new() -> Self {
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a pair");
        fcntl_setfd(&theirs, FdFlags::CLOEXEC).expect("a descriptor");
        let me = std::env::current_exe().expect("this program has a name");
        let child = Command::new(me).arg(ECHO).stdin(Stdio::from(theirs)).spawn().expect("a process");
        Pong { socket, child }
    }

    fn ping(&self) {
        let mut packet = [0; 256];
        send(&self.socket, &packet[..ASKED], SendFlags::NOSIGNAL).expect("it is there");
        let (size, _) = recv(&self.socket, &mut packet, RecvFlags::empty()).expect("it is there");
        assert_eq!(size, ANSWERED);
    }
}

impl Drop for Pong {
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        let _ = self.child.wait();
    }
}

/// An open file, and the one call that is made on it.
struct Side {
    file: Arc<dyn File>,
    call: Call,
    size: usize,
    _lab: Arc<Lab>,
}

/// Whom an answer is told.
struct Told<F: FnOnce(Result<Answer, Errno>) + Send>(F);

impl<F: FnOnce(Result<Answer, Errno>) + Send> Completion for Told<F> {
    fn arrived(&mut self, _: &dyn fmt::Display) {}

    fn complete(self: Box<Self>, answer: Result<Answer, Errno>) {
        (self.0)(answer);
    }
}

/// Calls that follow each other: what is left of them, and when they began.
struct Chain {
    file: Arc<dyn File>,
    call: Call,
    size: usize,
    left: usize,
    begin: Instant,
    times: Vec<Duration>,
    done: mpsc::Sender<Vec<Duration>>,
    /// Who begins the next one; answers that come on this thread are left to it.
    starter: Thread,
}

impl Side {
    fn new(spec: &str, path: &str, size: usize) -> Self {
        let config = LabConfig::new(&[Source::Spec(spec.to_owned())], None, None).expect("a lab");
        Self::of(&config, path, size)
    }

    fn of(config: &LabConfig, path: &str, size: usize) -> Self {
        let lab = Lab::start(config).unwrap_or_else(|error| panic!("{error}"));
        lab.go().expect("a thread");
        let Lookup::Here(device) = lab.find(path) else { panic!("{path} is not there") };
        let file = device.open(OpenFlags { access: Access::ReadWrite, nonblock: false }).expect("it can be opened");
        let call = if size == LARGE { Call::ReadAt { at: 0, size } } else { Call::Read { size } };
        let side = Side { file, call, size, _lab: lab };
        if size == LARGE {
            let data = (0..LARGE).map(|at| (at % 251) as u8).collect();
            side.carry_out(Call::WriteAt { at: 0, data });
        } else {
            side.carry_out(Call::Ioctl { command: I2C_SLAVE, argument: 0x50 });
        }
        side
    }

    /// Makes a call and sleeps until it has been answered.
    fn carry_out(&self, call: Call) -> Answer {
        let (tell, told) = mpsc::channel();
        let completion = Box::new(Told(move |answer| _ = tell.send(answer)));
        self.file.call(call, Arc::new(NoMemory), completion);
        told.recv().expect("an answer").expect("it works")
    }

    /// How long each of so many calls takes that a thread sleeps for.
    fn woken(&self, calls: usize) -> Duration {
        median((0..calls).map(|_| timed(|| self.check(self.carry_out(self.call.clone())))).collect())
    }

    fn check(&self, answer: Answer) {
        assert!(matches!(answer, Answer::Data(data) if data.len() == self.size), "all of it");
    }

    /// How long each of so many calls takes that follow each other.
    fn chained(&self, calls: usize) -> Duration {
        let (done, times) = mpsc::channel();
        let chain = Chain {
            file: self.file.clone(),
            call: self.call.clone(),
            size: self.size,
            left: calls,
            begin: Instant::now(),
            times: Vec::with_capacity(calls),
            done,
            starter: thread::current(),
        };
        // Answers on this very thread come back here, one after the other.
        let mut next = Some(chain);
        while let Some(chain) = next.take() {
            let (here, back) = mpsc::channel();
            chain.begin(Some(here));
            next = back.try_recv().ok();
        }
        median(times.recv().expect("all are answered"))
    }
}

impl Chain {
    /// Begins a call. `here`: where to continue if it is answered on the thread that has begun all.
    fn begin(mut self, here: Option<mpsc::Sender<Chain>>) {
        let (file, call) = (self.file.clone(), self.call.clone());
        self.begin = Instant::now();
        file.call(call, Arc::new(NoMemory), Box::new(Told(move |answer| self.answered(answer, here))));
    }

    fn answered(mut self, answer: Result<Answer, Errno>, here: Option<mpsc::Sender<Chain>>) {
        self.times.push(self.begin.elapsed());
        assert!(matches!(answer, Ok(Answer::Data(data)) if data.len() == self.size), "all of it");
        self.left -= 1;
        if self.left == 0 {
            return drop(self.done.send(self.times));
        }
        match here {
            Some(here) if thread::current().id() == self.starter.id() => _ = here.send(self),
            _ => self.begin(None),
        }
    }
}

fn timed(what: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    what();
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// All that is compared.
struct Sides {
    pong: Pong,
    small: [Side; 2],
    large: [Side; 2],
}

/// One round: nanoseconds.
#[derive(Clone, Copy)]
struct Round {
    pong: f64,
    /// In this process, and in another.
    chained: [f64; 2],
    woken: [f64; 2],
    large: [f64; 2],
}

impl Sides {
    fn new(outlive: &str) -> Self {
        let pong = Pong::new();
        let served = |class: &str, number: u32, spec: &str| {
            let folder = std::env::temp_dir().join(format!("outlive-bench-{}-{class}", std::process::id()));
            // A lab file, since there are commas in some specs.
            let text = format!(
                "[[device]]\nclass = '{class}'\nmodel = 'server'\nnum = {number}\ncommand = ['{outlive}', 'driver', '{spec}']\n"
            );
            std::fs::write(&folder, text).expect("a file");
            let config = LabConfig::new(&[Source::File(folder.clone())], None, None);
            std::fs::remove_file(folder).expect("the file");
            config.unwrap_or_else(|error| panic!("{error}"))
        };
        let flash = "mtd:nor,size=4MiB,erase=64KiB";
        let small = [
            Side::new("i2c:24c02@0x50,bus=7", "/dev/i2c-7", 1),
            Side::of(&served("i2c", 7, "i2c:24c02@0x50"), "/dev/i2c-7", 1),
        ];
        let large = [
            Side::new(&format!("{flash},num=0"), "/dev/mtd0", LARGE),
            Side::of(&served("mtd", 0, flash), "/dev/mtd0", LARGE),
        ];
        Sides { pong, small, large }
    }

    fn round(&self, calls: usize) -> Round {
        let nanoseconds = |time: Duration| time.as_nanos() as f64;
        let pong = median((0..calls).map(|_| timed(|| self.pong.ping())).collect());
        let of = |sides: &[Side; 2], measure: fn(&Side, usize) -> Duration, calls: usize| {
            [0, 1].map(|at| nanoseconds(measure(&sides[at], calls)))
        };
        Round {
            pong: nanoseconds(pong),
            chained: of(&self.small, Side::chained, calls),
            woken: of(&self.small, Side::woken, calls),
            large: of(&self.large, Side::chained, calls.div_ceil(100)),
        }
    }
}

fn print(rounds: &[Round]) {
    let middle = |value: &dyn Fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let pong = middle(&|round| round.pong);
    println!("ping-pong of packets: {:.2} us", pong / 1000.0);
    println!("{:>24} {:>12} {:>12} {:>8} {:>11}", "us", "in process", "served", "ratio", "ping-pongs");
    let row = |name: &str, pair: fn(&Round) -> [f64; 2]| {
        let ratio = middle(&|round| pair(round)[1] / pair(round)[0]);
        let more = middle(&|round| (pair(round)[1] - pair(round)[0]) / round.pong);
        let [here, there] = [0, 1].map(|at| middle(&|round| pair(round)[at]) / 1000.0);
        println!("{name:>24} {here:>12.2} {there:>12.2} {ratio:>8.2} {more:>+11.2}");
        (ratio, more)
    };
    let (_, more) = row("byte of an EEPROM", |round| round.chained);
    row("the same, woken", |round| round.woken);
    let (ratio, _) = row("1 MiB of NOR", |round| round.large);
    let verdict = |is_met: bool| if is_met { "met" } else { "MISSED" };
    let (small, large) = (verdict(more <= AT_MOST_PING_PONGS), verdict(ratio <= AT_MOST_LARGE));
    println!("goal: an operation costs at most {AT_MOST_PING_PONGS} ping-pongs more: {more:.2}: {small}");
    println!("goal: 1 MiB takes at most {AT_MOST_LARGE} times as long: {ratio:.2}: {large}");
}
