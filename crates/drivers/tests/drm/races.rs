//! Cards that are pulled while their clients flip, in real time.

use super::*;

/// A clock that goes as the machine's does, with a thread for each thing that comes later.
#[derive(Debug)]
struct Real(std::time::Instant);

impl Clock for Real {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(move || {
            std::thread::sleep(delay);
            then();
        });
    }
}

impl drm::Clock for Real {
    fn monotonic(&self) -> Duration {
        self.now()
    }
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>) {
        Clock::after(self, delay, then);
    }
}

/// I17: each flip that was accepted is told of exactly once, whenever the card is pulled; and I1: that takes no time.
#[test]
fn each_flip_is_told_of_once_however_the_card_goes() {
    for pause in [0, 1, 3, 5, 8, 13, 17, 25] {
        let clock = Arc::new(Real(std::time::Instant::now()));
        let keys = BTreeMap::from([("mode".to_owned(), "64x32@240".to_owned())]);
        let driver = CardConfig { model: "virtual".to_owned(), keys }.build(clock.clone()).unwrap();
        let ground = Ground { clock, memory: Arc::new(Maker), told: Arc::new(|_| ()) };
        let card = Card::plug_under(Contract::Quiet, Numbers::new().claim(0).unwrap(), driver, ground);
        let file = card.open(OpenFlags { access: Access::ReadWrite, nonblock: true }).unwrap();
        let arena = Arc::new(Arena(Mutex::new(vec![0; 0x2000])));
        let time = Arc::<Time>::default();
        let mut bench = Bench { time, card, file, arena, changes: Arc::default(), ids: Ids::default() };
        bench.ids = bench.find();
        let (fb, _, _) = bench.framebuffer(64, 32, Format::Xrgb8888);
        bench.set_mode(0, fb, Mode::new(64, 32, 240).unwrap());
        let (mut accepted, mut told) = (0, 0);
        std::thread::scope(|scope| {
            let card = &bench.card;
            let pull = scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(pause));
                let began = std::time::Instant::now();
                assert!(card.unplug(Reason::Pulled, Policy::Detach, LONG).unwrap().is_some());
                began.elapsed()
            });
            let until = std::time::Instant::now() + Duration::from_millis(60);
            while std::time::Instant::now() < until {
                match bench.flip(fb) {
                    Ok(()) => accepted += 1,
                    Err(Errno::BUSY) => std::thread::sleep(Duration::from_micros(200)),
                    Err(errno) => panic!("{errno:?}"),
                }
                told += bench.events().unwrap_or(0);
            }
            assert!(pull.join().unwrap() < Duration::from_secs(1));
        });
        let limit = std::time::Instant::now() + LONG;
        while told < accepted && std::time::Instant::now() < limit {
            told += bench.events().unwrap_or(0);
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(10));
        told += bench.events().unwrap_or(0);
        assert!(accepted > 0);
        assert_eq!(told, accepted, "pulled after {pause} ms");
        assert_eq!(bench.events(), Err(Errno::NODEV), "nothing more will come");
    }
}
