//! One point from near, as `--at` prints it.

use crate::program::{Program, Then, dump};
use outlive_explore::{Paint, closeup::closeup};
use outlive_host::trial::Chunk;

#[track_caller]
fn check(then: Then, at: u64, output: &[(u64, &str)], expected: &str) {
    let program = Program::new(dump, then);
    let explorer = program.prepare();
    let (point, mut seen) = explorer.pull(at).unwrap();
    seen.output = output
        .iter()
        .map(|(after_operation, text)| Chunk { stream: 1, text: (*text).into(), after_operation: *after_operation })
        .collect();
    let report = explorer.report(vec![point]);
    let text = closeup(explorer.plain(), &report, &report.points[0], &seen, Paint::default());
    assert_eq!(text.trim_end(), expected.trim_matches('\n'), "\n{text}");
}

#[test]
fn the_operations_around_the_pull_and_the_output() {
    check(
        Then::GoOn(0),
        9,
        &[(2, "reading\n"), (8, "00 01"), (9, " XX\n"), (12, "\x1b[31mred\n")],
        "
point 9 of 18: I2C_SMBUS read_byte_data 0x50 reg 0x06
silent: exit 0, 10 of its operations failed, under the contract strict

operations around the pull
                  … 3 before
                 4  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x01 = 0
                 5  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x02 = 0
                 6  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x03 = 0
                 7  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x04 = 0
                 8  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x05 = 0
pulled >         9  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x06 = ENODEV
                10  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x07 = ENODEV
                11  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x08 = ENODEV
                12  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x09 = ENODEV
                13  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0a = ENODEV
                14  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0b = ENODEV
                15  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0c = ENODEV
                16  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0d = ENODEV
                17  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0e = ENODEV
                18  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0f = ENODEV

what the program wrote
  | reading
  | 00 01
  --- the pull
  |  XX
  | \\u{1b}[31mred
",
    );
}

#[test]
fn a_program_that_stops_at_once() {
    check(
        Then::Exit(1),
        1,
        &[],
        "
point 1 of 18: open
clean: exit 1, 1 of its operations failed, under the contract strict

operations around the pull
pulled >         1  program[42]  i2c-7  open = ENODEV

the program wrote nothing
",
    );
}

#[test]
fn repetitions_are_one_line_and_long_output_is_cut_in_the_middle() {
    let output: String = (1..=100).map(|line| format!("line {line}\n")).collect();
    let shown =
        |lines: std::ops::RangeInclusive<u32>| -> String { lines.map(|line| format!("  | line {line}\n")).collect() };
    let expected = format!(
        "
point 18 of 18: I2C_SMBUS read_byte_data 0x50 reg 0x0f
spin: kept calling past the limit, 1001 of its operations failed, under the contract strict

operations around the pull
                  … 12 before
                13  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0a = 0
                14  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0b = 0
                15  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0c = 0
                16  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0d = 0
                17  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0e = 0
pulled >   18-1018  program[42]  i2c-7  I2C_SMBUS read_byte_data 0x50 reg 0x0f = ENODEV

what the program wrote
  --- the pull
{}  … 20 more lines
{}",
        shown(1..=40),
        shown(61..=100)
    );
    check(Then::Retry, 18, &[(18, &output)], &expected);
}
