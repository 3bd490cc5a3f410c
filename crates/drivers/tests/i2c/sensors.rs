//! Temperature sensors, by the tables of their data sheets.

use crate::bench::Bench;
use outlive_classes::Errno;

fn word(bench: &Bench, register: u8) -> u16 {
    let bytes = bench.read(0x48, &[register], 2).unwrap();
    u16::from_be_bytes([bytes[0], bytes[1]])
}

#[test]
fn lm75_temperatures() {
    // The data sheet's table: nine bits, left-justified.
    for (degrees, reading) in
        [("125", 0x7d00), ("25", 0x1900), ("0.5", 0x0080), ("0", 0), ("-0.5", 0xff80), ("-25", 0xe700), ("-55", 0xc900)]
    {
        let bench = Bench::new(&[&format!("lm75@0x48,temp={degrees}")]);
        assert_eq!(word(&bench, 0), reading, "{degrees}");
    }
    let bench = Bench::new(&["lm75@0x48"]);
    bench.select(0x48);
    let union = bench.smbus(true, 0, 3, &[]).unwrap();
    assert_eq!(u16::from_ne_bytes([union[0], union[1]]), 0x0019, "SMBus words come low byte first");
}

#[test]
fn lm75_registers() {
    let bench = Bench::new(&["lm75@0x48,temp=21.5"]);
    assert_eq!((word(&bench, 2), word(&bench, 3)), (0x4b00, 0x5000), "limits of 75 and 80 degrees after power-up");
    bench.write(0x48, &[3, 0x64, 0xff]).unwrap();
    assert_eq!(word(&bench, 3), 0x6480, "nine bits are kept");
    bench.write(0x48, &[0, 0, 0]).unwrap();
    assert_eq!(word(&bench, 0), 0x1580, "the temperature can only be read");
    bench.write(0x48, &[1, 0xff]).unwrap();
    assert_eq!(bench.read(0x48, &[1], 3), Ok(vec![0x1f; 3]), "one byte, again and again");
    bench.write(0x48, &[2, 0x11]).unwrap();
    assert_eq!(word(&bench, 2), 0x4b00, "half a register is none");
    bench.write(0x48, &[3]).unwrap();
    bench.select(0x48);
    assert_eq!(bench.smbus(true, 0, 1, &[]).unwrap()[0], 0x64, "the pointer stays");
    assert_eq!(bench.write(0x49, &[]), Err(Errno::NXIO));
}

#[test]
fn tmp102_temperatures() {
    // The data sheet's tables: twelve bits, and thirteen in extended mode.
    for (degrees, reading, extended) in [
        ("150", 0x7ff0, 0x4b01),
        ("127.9375", 0x7ff0, 0x3ff9),
        ("100", 0x6400, 0x3201),
        ("25", 0x1900, 0x0c81),
        ("0.25", 0x0040, 0x0021),
        ("0", 0x0000, 0x0001),
        ("-0.25", 0xffc0, 0xffe1),
        ("-25", 0xe700, 0xf381),
        ("-55", 0xc900, 0xe481),
    ] {
        let degrees = degrees.trim_end_matches("375").replace("127.9", "127.938");
        let bench = Bench::new(&[&format!("tmp102@0x48,temp={degrees}")]);
        assert_eq!(word(&bench, 0), reading, "{degrees}");
        bench.write(0x48, &[1, 0x60, 0xb0]).unwrap();
        assert_eq!(word(&bench, 0), extended, "{degrees}, extended");
    }
}

#[test]
fn tmp102_registers() {
    let bench = Bench::new(&["tmp102@0x48"]);
    assert_eq!((word(&bench, 1), word(&bench, 2), word(&bench, 3)), (0x60a0, 0x4b00, 0x5000), "after power-up");
    bench.write(0x48, &[1, 0x00, 0x00]).unwrap();
    assert_eq!(word(&bench, 1), 0x6020, "the resolution and the alert bit can only be read");
    bench.write(0x48, &[3, 0x10, 0x00]).unwrap();
    assert_eq!(word(&bench, 1), 0x6000, "25 degrees are above 16: alert, active low");
    bench.write(0x48, &[1, 0x04, 0x00]).unwrap();
    assert_eq!(word(&bench, 1), 0x6420, "alert, active high");
    bench.write(0x48, &[1, 0x01, 0x00]).unwrap();
    assert_eq!(word(&bench, 1) & 0x8100, 0x8100, "shut down, the last conversion is done");
    bench.write(0x48, &[0, 0x55, 0x55]).unwrap();
    assert_eq!(word(&bench, 0), 0x1900);
}
