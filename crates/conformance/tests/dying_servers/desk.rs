//! Where servers ask when they are to die, and say what they carry out.

use super::{books::Books, chance::Chance, server::Plant};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

pub(crate) struct Desk {
    path: PathBuf,
    last: AtomicU64,
    seats: Arc<Mutex<BTreeMap<u64, Seat>>>,
}

/// What there is of one run.
struct Seat {
    books: Arc<Books>,
    chance: Chance,
    plant: Plant,
    /// After how many frames the next server dies.
    frames: u64,
    /// How many servers there are.
    servers: usize,
}

type Seats = BTreeMap<u64, Seat>;

fn lock(seats: &Mutex<Seats>) -> MutexGuard<'_, Seats> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(crate) fn open() -> Self {
        let path = std::env::temp_dir().join(format!("outlive-dying-{}", process::id()));
        let listener = UnixListener::bind(&path).expect("a path of our own");
        let seats = Arc::<Mutex<Seats>>::default();
        let all = seats.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seats = all.clone();
                thread::spawn(move || _ = hear(&stream, &seats));
            }
        });
        Desk { path, last: AtomicU64::new(0), seats }
    }

    pub(crate) fn path(&self) -> String {
        self.path.to_str().expect("UTF-8").to_owned()
    }

    /// Takes the path away; at the end of all.
    pub(crate) fn close(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// A number for a run.
    pub(crate) fn number(&self) -> u64 {
        self.last.fetch_add(1, Relaxed)
    }

    pub(crate) fn seat(&self, number: u64, books: &Arc<Books>, seed: u64, plant: Plant) {
        let seat = Seat { books: books.clone(), chance: Chance::new(seed), plant, frames: 0, servers: 0 };
        lock(&self.seats).insert(number, seat);
    }

    /// The next server of that run dies after so many frames; with 0 before its hello.
    pub(crate) fn next_dies_after(&self, number: u64, frames: u64) {
        if let Some(seat) = lock(&self.seats).get_mut(&number) {
            seat.frames = frames;
        }
    }

    /// How many servers of that run there are.
    pub(crate) fn servers(&self, number: u64) -> usize {
        lock(&self.seats).get(&number).map_or(0, |seat| seat.servers)
    }
}

/// Hears a server until it ends.
fn hear(stream: &UnixStream, seats: &Mutex<Seats>) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let number: u64 = lines.next()?.parse().ok()?;
    let (books, fate) = {
        let mut seats = lock(seats);
        let seat = seats.get_mut(&number)?;
        seat.servers += 1;
        (seat.books.clone(), format!("{} {} {}\n", seat.chance.next(), seat.frames, seat.plant as u8))
    };
    let mut writer = stream;
    let _ = writer.write_all(fate.as_bytes());
    for line in lines {
        match line.parse() {
            Ok(token) => books.carried_out(token),
            Err(_) => books.breach(format!("a server says {line}")),
        }
    }
    lock(seats).get_mut(&number)?.servers -= 1;
    Some(())
}
