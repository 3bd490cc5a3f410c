//! `--points`.

use outlive_explore::Points;

#[track_caller]
fn check(list: &str, count: u64, expected: Result<&[u64], &str>) {
    let numbers = list
        .parse::<Points>()
        .map_err(|error| error.to_string())
        .and_then(|points| points.within(count).map_err(|error| error.to_string()));
    assert_eq!(numbers.as_deref().map_err(String::as_str), expected, "{list}");
}

#[test]
fn lists_and_ranges() {
    check("3", 10, Ok(&[3]));
    check("1-3,9", 10, Ok(&[1, 2, 3, 9]));
    check("9,1-3", 10, Ok(&[9, 1, 2, 3]));
    check("2-4,3-5", 10, Ok(&[2, 3, 4, 5]));
    check("8-", 10, Ok(&[8, 9, 10]));
    check("10-", 10, Ok(&[10]));
    check(" 1 - 2 , 5", 10, Ok(&[1, 2, 5]));
}

#[test]
fn what_is_wrong_is_said() {
    let not = |item: &str| {
        format!("`{item}` is not a point: write numbers and ranges with commas between, such as 1-50,99 or 200-")
    };
    for (list, item) in [("", ""), ("1,", ""), ("x", "x"), ("1-x", "1-x"), ("-3", "-3"), ("0x10", "0x10")] {
        check(list, 10, Err(&not(item)));
    }
    check("99999999999999999999", 10, Err(&not("99999999999999999999")));
    check("0", 10, Err("there is no point 0: operations are counted from 1"));
    check("0-4", 10, Err("there is no point 0: operations are counted from 1"));
    check("5-2", 10, Err("the range 5-2 runs backwards: write 2-5"));
    let none = |asked: u64| {
        format!("there is no point {asked}: the run without a pull has 10 operations that can be pulled at")
    };
    check("11", 10, Err(&none(11)));
    check("1-11", 10, Err(&none(11)));
    check("12-", 10, Err(&none(12)));
    check("1-18446744073709551615", 10, Err(&none(u64::MAX)));
}
