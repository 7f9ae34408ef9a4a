//! Tests of what the bench knows by itself. A bench with a `main` of its own runs none.

#![expect(clippy::expect_used, clippy::float_cmp, clippy::indexing_slicing, reason = "tests")]
#![expect(clippy::cast_precision_loss, reason = "figures are counts far below 2⁵³")]

mod answer;
mod doubt;
mod figures;
#[expect(dead_code, reason = "nothing is printed here")]
mod goals;
mod plot;

mod answers {
    use crate::answer::{Read, read, status};

    #[test]
    fn a_message_ends_where_its_length_says() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabcHTTP";
        assert_eq!(read(answer, false), Read::Whole { head: 57, body: 3 });
        assert_eq!(status(answer), Some(200));
        for length in 0..60 {
            assert_eq!(read(&answer[..length], false), Read::Partial, "{length}");
        }
    }

    #[test]
    fn names_of_fields_may_be_in_small_letters() {
        let answer = b"HTTP/1.1 429 \r\ncontent-type: a/b\r\ncontent-length:1\r\n\r\na";
        assert_eq!(read(answer, false), Read::Whole { head: answer.len() - 1, body: 1 });
        assert_eq!(status(answer), Some(429));
    }

    #[test]
    fn a_request_may_have_no_length_and_an_answer_must_have_one() {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(read(request, true), Read::Whole { head: request.len(), body: 0 });
        assert_eq!(read(request, false), Read::Unreadable);
        assert_eq!(read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", true), Read::Unreadable);
    }
}

mod rounds {
    use crate::figures::{median, spread};

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }

    #[test]
    fn the_spread_is_relative() {
        assert_eq!(spread(&[9.0, 10.0, 12.0]), 0.3);
    }
}

mod doubts {
    use crate::doubt::{Doubt, worst};

    #[test]
    fn of_each_kind_the_worst_is_told_with_how_many_there_are() {
        let doubts = [
            Doubt::Unsaturated(0.9, 0.5),
            Doubt::Unsaturated(0.8, 0.6),
            Doubt::Unsaturated(0.99, 0.5),
            Doubt::Failed(0, String::new()),
            Doubt::OthersBeside(0.2),
            Doubt::OthersWithUs(0.01),
        ];
        let expected = [(&doubts[1], 2), (&doubts[4], 1)];
        assert_eq!(worst(&doubts), expected);
    }

    #[test]
    fn one_failed_request_is_too_many_and_a_little_unrest_is_not() {
        for doubt in [Doubt::Failed(1, "503".into()), Doubt::Broken("gone".into()), Doubt::Reconnects(65)] {
            assert!(doubt.is_justified(), "{doubt}");
        }
        for doubt in [Doubt::Stolen(0.01), Doubt::Spread(0.05), Doubt::Reconnects(64)] {
            assert!(!doubt.is_justified(), "{doubt}");
        }
    }
}

mod goal {
    use crate::goals::Goal;

    #[test]
    fn a_goal_is_met_up_to_its_bound_and_a_figure_that_is_missing_meets_none() {
        for (found, at_most, at_least) in [(1.0, true, false), (2.0, true, true), (3.0, false, true)] {
            assert_eq!(Goal::at_most("x", 2.0, found).is_met(), at_most);
            assert_eq!(Goal::at_least("x", 2.0, found).is_met(), at_least);
        }
        assert!(!Goal::at_most("x", 2.0, f64::NAN).is_met());
        assert!(!Goal::at_least("x", 2.0, f64::NAN).is_met());
        assert_eq!(Goal::at_least("speed", 1.9, 2.0).line(), "| speed | ≥ 1.9 | 2.00 | met |");
    }
}

mod plots {
    use crate::plot::{Bar, Panel, draw};

    #[test]
    fn a_bar_is_as_long_as_its_figure_says() {
        let bar = |name: &str, cpu, ratio| Bar { name: name.into(), cpu, ratio, is_ours: false };
        let bars = vec![bar("a & b", 10.0, Some(1.0)), bar("c", 20.0, None)];
        let svg = draw(&[Panel { title: "<Gets>".into(), bars }], "foot");
        let widths: Vec<usize> = svg
            .lines()
            .filter(|line| line.starts_with("<rect"))
            .map(|line| line.split_once(" width=\"").unwrap().1.split_once('"').unwrap().0.parse().unwrap())
            .collect();
        assert_eq!(widths[1], 2 * widths[0]);
        assert!(
            svg.contains("&lt;Gets&gt;") && svg.contains("a &amp; b") && svg.contains("10.0 µs · 1.00 ×")
        );
        assert!(svg.ends_with("</svg>\n"));
    }
}
