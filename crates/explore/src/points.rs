//! Which points were asked for: `--points 1-50,99`.

use std::str::FromStr;

/// A set of operation numbers, as a list of numbers and ranges: `1-50,99,200-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    /// First and last of each, in the order given; no last: to the end.
    ranges: Vec<(u64, Option<u64>)>,
}

/// A list of points that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointsError {
    /// Not a number or a range.
    #[error("`{0}` is not a point: write numbers and ranges with commas between, such as 1-50,99 or 200-")]
    NotAPoint(String),
    /// Operations are counted from 1.
    #[error("there is no point 0: operations are counted from 1")]
    Zero,
    /// A range whose end comes before its beginning.
    #[error("the range {0}-{1} runs backwards: write {1}-{0}")]
    Backwards(u64, u64),
}

/// A point was asked for that the run without a pull does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no point {asked}: the run without a pull has {count} operations that can be pulled at")]
pub struct NoSuchPoint {
    /// What was asked for.
    pub asked: u64,
    /// How many operations there are.
    pub count: u64,
}

impl Points {
    /// One point.
    pub fn one(number: u64) -> Self {
        Points { ranges: vec![(number, Some(number))] }
    }

    /// The numbers in the order given, each once, for a run of `count` operations.
    ///
    /// # Errors
    /// [`NoSuchPoint`] if one of them is larger than `count`.
    pub fn within(&self, count: u64) -> Result<Vec<u64>, NoSuchPoint> {
        let mut taken = vec![false; usize::try_from(count).unwrap_or(usize::MAX)];
        let mut numbers = Vec::new();
        for &(first, last) in &self.ranges {
            let last = last.unwrap_or(count).max(first);
            if last > count || first == 0 {
                return Err(NoSuchPoint { asked: if first == 0 { 0 } else { last }, count });
            }
            for number in first..=last {
                if !std::mem::replace(&mut taken[number as usize - 1], true) {
                    numbers.push(number);
                }
            }
        }
        Ok(numbers)
    }
}

impl FromStr for Points {
    type Err = PointsError;

    fn from_str(list: &str) -> Result<Self, PointsError> {
        let ranges = list.split(',').map(range).collect::<Result<_, _>>()?;
        Ok(Points { ranges })
    }
}

fn range(item: &str) -> Result<(u64, Option<u64>), PointsError> {
    let number = |text: &str| match text.trim().parse() {
        Ok(0) => Err(PointsError::Zero),
        Ok(number) => Ok(number),
        Err(_) => Err(PointsError::NotAPoint(item.trim().to_owned())),
    };
    match item.split_once('-') {
        None => number(item).map(|only| (only, Some(only))),
        Some((first, "")) => Ok((number(first)?, None)),
        Some((first, last)) => match (number(first)?, number(last)?) {
            (first, last) if last < first => Err(PointsError::Backwards(first, last)),
            (first, last) => Ok((first, Some(last))),
        },
    }
}
