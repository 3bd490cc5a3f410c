use crate::{command::LabArgs, terminal};
use clap::{
    ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};
use outlive_host::{
    control::{Server, Socket},
    front::run::{self, Command, Road, Running, StartError},
    lab::Lab,
    trial::End,
};
use std::{ffi::OsString, process::ExitCode, sync::Arc};

/// What is our own failure, as in env(1) and its like.
pub(super) const OUR_FAILURE: u8 = 125;

const SHORT: &str = "\
Examples:
  outlive run --device i2c:24c02@0x50,bus=7 -- i2cdump -y 7 0x50 b
  outlive run --device i2c:lm75@0x48,bus=7,temp=21.5 -- i2cget -y 7 0x48 0 w

Exits as CMD does; --help tells all about SPEC, the models, the lab file, and what is carried.";

const LONG: &str = "\
SPEC:
  CLASS:MODEL[@ADDR][,KEY=VALUE]...

  CLASS  i2c: a bus with chips, /dev/i2c-N; mtd: a flash, /dev/mtdN and /dev/mtdNro; uio: a board
         with memory to map, /dev/uioN; tpm: a TPM, /dev/tpmN; input: what people touch,
         /dev/input/eventN; drm: a card with displays, /dev/dri/cardN
  MODEL  what the chip, the flash or the like is; see below
  @ADDR  i2c: where it answers, from 0x03 to 0x77
  num=N  the number of the device; bus=N is the same for i2c. Chips with the same number share
         the bus. Without a number a bus gets the lowest one that is free.
  policy=detach|drain|kill
         what becomes of its users when it is unplugged; `outlive unplug --help` tells more
  functionality=BITS
         leaves an i2c bus these I2C_FUNC_* bits: without the lowest, it knows SMBus only
  mode=0660, group=NAME
         who may open its node under `outlive serve`; elsewhere they change nothing
Numbers are written 7 or 0x50, sizes 64KiB or 8MiB, times 5ms or 1h, switches true or false.

Models of i2c:
  24c01, 24c02, 24c04, 24c08, 24c16, 24c32, 24c64, 24c128, 24c256, 24c512
                    EEPROMs of so many kilobits, at first filled with 0xff
    file=PATH       keeps the content in this file, which is made if it is not there
    twr=TIME        is busy for so long after a write, and does not answer meanwhile
    wp=true         is protected from writing
  pcf8570           256 bytes of static RAM, at first zeroes
  lm75, tmp102      thermometers
    temp=DEGREES    what they measure, in degrees Celsius: 25 unless told
  and every chip:
    slow=TIME       each transfer that touches it takes so long
    claimed=true    a driver has it: I2C_SLAVE says EBUSY, I2C_SLAVE_FORCE works

Models of mtd:
  nor               bits are cleared by programming, set by erasing a block: 8MiB unless told
    locked=true     all blocks are locked when it gets power
  nand              has pages with spare bytes, error correction, and bad blocks: 128MiB unless told
    page=SIZE       512, 2KiB, 4KiB, 8KiB or 16KiB: 2KiB unless told
    oob=SIZE        spare bytes of a page: a 32nd of it unless told
    ecc=hamming, ecc=BITS
                    corrects 1 bit of 256 bytes, or so many of 512; 0 for none: hamming unless told
    bad=N+N...      these blocks are bad from the factory
    flips=PAGE*COUNT+..., flips=1/STEPS:SEED
                    weak cells: these pages have so many; or one correction step of so many has one
  ram               memory, written as it is: 4MiB unless told
  and every flash:
    size=SIZE       the whole, up to 1GiB
    erase=SIZE      an erase block: 64KiB, of ram 128KiB, of nand 64 pages unless told
    file=PATH       keeps the content in this file, which is made if it is not there
    name=NAME       what /proc/mtd shows: the model unless told
    tr=TIME, tprog=TIME, tbers=TIME
                    how long it takes to read, to program (64 bytes; of nand a page), to erase
    torn=random:SEED
                    what is being programmed or erased when it goes is left with some bits changed
    parts=SIZE[@OFFSET](NAME)[ro]+...
                    its partitions, devices of their own: parts=256KiB(boot)ro+-(rest); - is all
                    that is left

Models of uio:
  timer             counts, and interrupts
    period=TIME     an interrupt each time; 0 for none: 10ms unless told
    size=SIZE       of its registers, which are its first region: 4KiB unless told
    ram=SIZE        a second region, of plain memory

Models of drm:
  virtual           displays that are nowhere, behind connectors of a card
    connectors=N    how many it has, up to 32: 1 unless told
    connected=N     on how many of them a display hangs at first: all unless told
    mode=WIDTHxHEIGHT[@HERTZ]
                    what the displays are made for: 1280x800@60 unless told
    `outlive screenshot card0 FILE` saves what is on one; `outlive unplug card0-Virtual-1` pulls its
    cable. A card that is pulled answers as --contract quiet has it, unless that says otherwise

Models of input:
  keyboard          with all keys, three LEDs and autorepeat
  mouse             with five buttons and two wheels
  touchscreen       tells ten fingers apart
    size=WIDTHxHEIGHT
                    in points: 800x480 unless told
  gamepad           with two sticks, and motors that rumble
  evemu             what a recording describes
    file=PATH       made by evemu-describe, or by evemu-record: then it does what was recorded
  and every one of these:
    script=PATH     does this when it is first opened: a script (`outlive input --help` tells its
                    words) or an evemu recording
    name=TEXT, phys=TEXT, uniq=TEXT
                    what it is called, where it is plugged in, and its serial number
  uinput            /dev/uinput, by which programs make input devices, which need no rights for it and
                    none of the kernel's uinput; not under `outlive serve`

Models of tpm:
  swtpm             a TPM 2.0 of the program swtpm (Debian's package swtpm), in a process of its own
    state=DIR       keeps what is stored in it in this directory, which is made if it is not there
    deadline=TIME   a TPM that takes longer for a command is given up: as long as Linux waits unless told

The model server of i2c, mtd and tpm: a driver in another process, in any language
  (docs/driver-protocol.md of the sources is enough to write one)
    socket=PATH     it listens there; or
    command=WORDS   it is started, split into words as a shell does, with its end of the socket as
                    descriptor 3; in a lab file it may be a list of words
    deadline=TIME   how long an operation may take: 1s unless told; then it fails with ETIMEDOUT.
                    A flash that takes longer to erase all that is asked of it needs more.
                    The first word of a server has ten seconds, or five times as long
    misses=N        after so many missed deadlines in a row the device has gone: 3 unless told
    restart=new-generation, back-off=TIME
                    a device whose server was lost comes back by itself, after 100ms unless told,
                    twice as long each time in a row
    writes=PATH     where a server that is started may write; nowhere else, if the kernel has landlock

Lab file:
  contract = \"strict\"
  [[device]]
  class = \"i2c\"
  num = 7
  chips = [
      { model = \"24c02\", addr = 0x50, file = \"eeprom.bin\" },
      { model = \"lm75\", addr = 0x48, temp = 21.5, slow = \"100ms\" },
  ]
--lab reads it, as TOML: what --device says, with the same keys. Paths in it are relative to the file.
In it only, a card whose flashes come, go and are reset with it (`outlive reset gpu0`):
  [[device]]
  class = \"gpu\"
  name = \"gpu0\"
  flash = [{ model = \"nor\", num = 0, size = \"1MiB\", parts = \"256KiB(boot)+-(rest)\" }]

What is carried:
Static and dynamic programs, interpreters, and all that they start, daemons too; the run lasts as long as any of them. \
open, read, write, ioctl, mmap, poll, select, epoll, dup, descriptors that are passed on or inherited, /proc/self/fd; stat \
and access of the nodes, listings of /dev, entries in /sys, uevents by netlink. docs/roads.md of the sources has every \
system call, on each of the ways that --road names.

What is not:
32-bit programs get ENXIO when they open a device, and a line says why; set-uid programs gain no rights; a program that \
installs a seccomp listener of its own gets EBUSY. Opens by \
io_uring do not reach the devices, and inotify sees nothing of them.

Examples:
  outlive run --device i2c:24c02@0x50,bus=7 -- i2cdump -y 7 0x50 b
  outlive run --device i2c:24c02@0x50,bus=7,file=eeprom.bin -- i2cset -y 7 0x50 0 0x2a
  outlive run --device i2c:24c02@0x50,bus=7 --device i2c:lm75@0x48,bus=7 -- i2cget -y 7 0x48 0 w
  outlive run --device tpm:swtpm,num=0,state=tpm0 -- tpm2_getrandom -T device:/dev/tpm0 --hex 8
  outlive run --lab lab.toml -- sh

Exit status:
  that of CMD; 128+N if signal N ended it
  125  we failed, or were called wrongly
  126  CMD cannot be executed
  127  CMD was not found

Environment:
  OUTLIVE_LAB     set for CMD: the name of its lab, for `outlive ls` and its like
  OUTLIVE_STATUS  set for CMD: a file that says how the devices are, as `outlive ls --json` does
  OUTLIVE_ROAD    which way calls take, where --road does not say it
  OUTLIVE_MOUNT   the one way to mount that is tried, of those that `outlive doctor` lists";

/// Run an unmodified program on virtual devices
///
/// CMD and all that it starts see the devices as nodes in /dev; nobody else does. No privileges are needed, no module,
/// no hardware. While it runs, `outlive ls`, `unplug`, `plug` and `events` work on its lab from any terminal.
#[derive(clap::Args)]
#[command(after_help = SHORT, after_long_help = LONG)]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArgs,

    #[command(flatten)]
    program: ProgramArgs,
}

impl Args {
    pub(crate) fn run(self) -> ExitCode {
        exit_code(self.carry_out())
    }

    fn carry_out(self) -> anyhow::Result<End> {
        let lab = Lab::start(&self.lab.config()?)?;
        Ok(Program::start(&lab, self.program)?.wait())
    }
}

/// CMD, and which way its calls take.
#[derive(clap::Args)]
pub(super) struct ProgramArgs {
    #[command(flatten)]
    road: RoadArg,

    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    pub(super) command: Vec<OsString>,
}

/// Which way calls take.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct RoadArg {
    /// Let calls on devices take this way: auto (the fastest there is), trap (descriptors get high numbers), fuse, or plain (without FUSE, slow)
    #[arg(long, value_name = "ROAD", default_value_t, value_parser = PossibleValuesParser::new(Road::ALL.map(Road::name)).map(|name| name.parse::<Road>().expect("one of them")))]
    pub(super) road: Road,
}

/// How `run` and its like say how CMD ended, or why it did not begin.
pub(super) fn exit_code(end: anyhow::Result<End>) -> ExitCode {
    match end {
        Ok(End::Exit(code)) => ExitCode::from(code as u8),
        Ok(End::Signal(signal)) => ExitCode::from(128_u8.wrapping_add(signal as u8)),
        Err(error) => {
            terminal::complain(format_args!("{error:#}"));
            let code = error.downcast_ref().map_or(OUR_FAILURE, StartError::exit_code);
            ExitCode::from(code)
        }
    }
}

/// CMD with the devices of a lab, which can be talked to meanwhile.
pub(super) struct Program {
    running: Running,
    lab: Arc<Lab>,
    control: Server,
}

impl Program {
    /// To be called while the process has one thread; it has some afterwards.
    pub(super) fn start(lab: &Arc<Lab>, program: ProgramArgs) -> anyhow::Result<Program> {
        // The name must be ours before CMD runs; the thread that serves it must come after the fork.
        let socket = Socket::bind(lab)?;
        let environment = vec![("OUTLIVE_LAB".into(), lab.name().into())];
        let (words, road) = (program.command, program.road.road);
        let running = run::start(lab, Command { words, environment, road, ..Command::default() })?;
        Ok(Program { running, control: socket.serve(lab.clone())?, lab: lab.clone() })
    }

    /// Waits until CMD and all that it started have ended.
    pub(super) fn wait(self) -> End {
        let end = self.running.wait();
        self.lab.put_away();
        drop(self.control);
        end
    }
}
