"""Pasted specs: from manuals, web pages, crontabs and other schedulers.

Each either has the same meaning here, or is rejected with one sentence that says what to write.
"""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.foreign_specs import with_suggestion
from jobtui.schedules.parser import parse

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
STEADY = settings(derandomize=True, deadline=None, max_examples=500, database=None)


def ticks_of(spec: str, count: int) -> str:
    """Return the first ticks after START as wall times, with the year if it is not 2026."""
    schedule = parse(spec, tz="UTC")
    ticks: list[str] = []
    due = schedule.next(START)
    while due is not None and len(ticks) < count:
        year = "" if due.year == START.year else f"{due.year}-"
        time = f"{due:%H:%M:%S.%f}".removesuffix("000").removesuffix(".000").removesuffix(":00")
        ticks.append(f"{year}{due:%m-%d} {time}")
        due = schedule.next(due)
    return ", ".join(ticks) or "never"


def error_for(spec: str) -> BadSpec:
    """Return the error for a spec, after a check of its form: one sentence in lower case."""
    with pytest.raises(BadSpec) as caught:
        parse(spec, tz="UTC")
    error = caught.value
    assert error.spec == spec
    assert "\n" not in error.sentence
    assert not re.search(r"[.!] |[.!]$|^[A-Z]", error.sentence)
    return error


def table(text: str) -> list[list[str]]:
    """Return the rows of a text, split at the arrows."""
    return [line.strip().split(" => ") for line in text.strip().splitlines()]


# By origin: the spec, and its first three ticks.
ACCEPTED = {
    "crontab.guru's examples and its non-standard words": """
        * * * * * => 01-01 00:01, 01-01 00:02, 01-01 00:03
        */2 * * * * => 01-01 00:02, 01-01 00:04, 01-01 00:06
        1-59/2 * * * * => 01-01 00:01, 01-01 00:03, 01-01 00:05
        */15 * * * * => 01-01 00:15, 01-01 00:30, 01-01 00:45
        0 * * * * => 01-01 01:00, 01-01 02:00, 01-01 03:00
        0 */6 * * * => 01-01 06:00, 01-01 12:00, 01-01 18:00
        0 9-17 * * * => 01-01 09:00, 01-01 10:00, 01-01 11:00
        0 0 * * * => 01-02 00:00, 01-03 00:00, 01-04 00:00
        0 0 * * SUN => 01-04 00:00, 01-11 00:00, 01-18 00:00
        0 0 * * 1-5 => 01-02 00:00, 01-05 00:00, 01-06 00:00
        0 0 * * 6,0 => 01-03 00:00, 01-04 00:00, 01-10 00:00
        0 0 1 * * => 02-01 00:00, 03-01 00:00, 04-01 00:00
        0 0 1 */3 * => 04-01 00:00, 07-01 00:00, 10-01 00:00
        0 0 1 1 * => 2027-01-01 00:00, 2028-01-01 00:00, 2029-01-01 00:00
        5 4 * * sun => 01-04 04:05, 01-11 04:05, 01-18 04:05
        0 22 * * 1-5 => 01-01 22:00, 01-02 22:00, 01-05 22:00
        23 0-20/2 * * * => 01-01 00:23, 01-01 02:23, 01-01 04:23
        0 0,12 1 */2 * => 01-01 12:00, 03-01 00:00, 03-01 12:00
        0 4 8-14 * * => 01-08 04:00, 01-09 04:00, 01-10 04:00
        @annually => 2027-01-01 00:00, 2028-01-01 00:00, 2029-01-01 00:00
        @yearly => 2027-01-01 00:00, 2028-01-01 00:00, 2029-01-01 00:00
        @monthly => 02-01 00:00, 03-01 00:00, 04-01 00:00
        @weekly => 01-04 00:00, 01-11 00:00, 01-18 00:00
        @daily => 01-02 00:00, 01-03 00:00, 01-04 00:00
        @midnight => 01-02 00:00, 01-03 00:00, 01-04 00:00
        @hourly => 01-01 01:00, 01-01 02:00, 01-01 03:00
    """,
    "man 5 crontab: Vixie, Debian, cronie, the BSDs": """
        0,30 8-18/2 * * mon-fri => 01-01 08:00, 01-01 08:30, 01-01 10:00
        0 4 1,15 * fri => 01-01 04:00, 01-02 04:00, 01-09 04:00
        0 0 1 jan,Jul * => 07-01 00:00, 2027-01-01 00:00, 2027-07-01 00:00
        */10 * * * 1,3-5 => 01-01 00:10, 01-01 00:20, 01-01 00:30
        0 0 */2 * sun => 01-11 00:00, 01-25 00:00, 02-01 00:00
        0 4 1-7 * * => 01-01 04:00, 01-02 04:00, 01-03 04:00
    """,
    "Quartz's tutorial": """
        0 0 12 * * ? => 01-01 12:00, 01-02 12:00, 01-03 12:00
        0 15 10 ? * * => 01-01 10:15, 01-02 10:15, 01-03 10:15
        0 15 10 * * ? => 01-01 10:15, 01-02 10:15, 01-03 10:15
        0 * 14 * * ? => 01-01 14:00, 01-01 14:01, 01-01 14:02
        0 0/5 14 * * ? => 01-01 14:00, 01-01 14:05, 01-01 14:10
        0 0/5 14,18 * * ? => 01-01 14:00, 01-01 14:05, 01-01 14:10
        0 0-5 14 * * ? => 01-01 14:00, 01-01 14:01, 01-01 14:02
        0 10,44 14 ? 3 WED => 03-04 14:10, 03-04 14:44, 03-11 14:10
        0 15 10 ? * MON-FRI => 01-01 10:15, 01-02 10:15, 01-05 10:15
        0 15 10 15 * ? => 01-15 10:15, 02-15 10:15, 03-15 10:15
        0 0 12 1/5 * ? => 01-01 12:00, 01-06 12:00, 01-11 12:00
        0 11 11 11 11 ? => 11-11 11:11, 2027-11-11 11:11, 2028-11-11 11:11
    """,
    "Spring": """
        */10 * * * * * => 01-01 00:00:10, 01-01 00:00:20, 01-01 00:00:30
        0 0 8-10 * * * => 01-01 08:00, 01-01 09:00, 01-01 10:00
        0 0 6,19 * * * => 01-01 06:00, 01-01 19:00, 01-02 06:00
        0 0/30 8-10 * * * => 01-01 08:00, 01-01 08:30, 01-01 09:00
        0 0 9-17 * * MON-FRI => 01-01 09:00, 01-01 10:00, 01-01 11:00
        0 0 0 25 DEC ? => 12-25 00:00, 2027-12-25 00:00, 2028-12-25 00:00
    """,
    "Azure's NCRONTAB": """
        0 */5 * * * * => 01-01 00:05, 01-01 00:10, 01-01 00:15
        0 30 9 * * 1-5 => 01-01 09:30, 01-02 09:30, 01-05 09:30
        0 0 9-17 * * * => 01-01 09:00, 01-01 10:00, 01-01 11:00
        0 5,8,10 * * * * => 01-01 00:05, 01-01 00:08, 01-01 00:10
        0 30 9 * Jan Mon => 01-05 09:30, 01-12 09:30, 01-19 09:30
    """,
    "Go's robfig/cron and Revel": """
        0 */15 9-17 ? * MON-FRI => 01-01 09:00, 01-01 09:15, 01-01 09:30
        0 0 0 1 1 ? => 2027-01-01 00:00, 2028-01-01 00:00, 2029-01-01 00:00
        @every 1h30m10s => 01-01 01:30:10, 01-01 03:00:20, 01-01 04:30:30
        @every 24h => 01-02 00:00, 01-03 00:00, 01-04 00:00
        @every 0.5h => 01-01 00:30, 01-01 01:00, 01-01 01:30
        @EVERY 5m => 01-01 00:05, 01-01 00:10, 01-01 00:15
        CRON_TZ=Asia/Tokyo 30 04 * * * => 01-02 04:30, 01-03 04:30, 01-04 04:30
        TZ=Europe/Berlin 0 9 * * * => 01-01 09:00, 01-02 09:00, 01-03 09:00
        TZ=America/New_York @daily => 01-01 00:00, 01-02 00:00, 01-03 00:00
    """,
    "Kubernetes, GitHub, Jenkins": """
        */1 * * * * => 01-01 00:01, 01-01 00:02, 01-01 00:03
        0 0 13 * 5 => 01-02 00:00, 01-09 00:00, 01-13 00:00
        30 5,17 * * * => 01-01 05:30, 01-01 17:30, 01-02 05:30
        20/15 * * * * => 01-01 00:20, 01-01 00:35, 01-01 00:50
        0 4-6 * * 4-6 => 01-01 04:00, 01-01 05:00, 01-01 06:00
        0\t3\t*\t*\tSAT => 01-03 03:00, 01-10 03:00, 01-17 03:00
        */90 * * * * => 01-01 01:00, 01-01 02:00, 01-01 03:00
        0 0 31 2 * => never
    """,
}


@pytest.mark.parametrize(("spec", "expected"), [row for text in ACCEPTED.values() for row in table(text)])
def test_a_pasted_spec_has_the_ticks_of_the_program_that_it_is_from(spec: str, expected: str) -> None:
    """The expected ticks are those of the manuals."""
    assert ticks_of(spec, 3) == expected


# By the message: the spec, the suggestion, and the first two ticks of both.
SUGGESTIONS = {
    "begins a command, which is not part of a spec": """
        */5 * * * * /usr/bin/backup.sh => */5 * * * * => 01-01 00:05, 01-01 00:10
        17 * * * * root cd / && run-parts /etc/cron.hourly => 17 * * * * => 01-01 00:17, 01-01 01:17
        25 6 * * * root run-parts /etc/cron.daily => 25 6 * * * => 01-01 06:25, 01-02 06:25
        47 6 * * 7 root run-parts /etc/cron.weekly => 47 6 * * 0 => 01-04 06:47, 01-11 06:47
        5 0 * * *       $HOME/bin/daily.job >> $HOME/tmp/out 2>&1 => 5 0 * * * => 01-01 00:05, 01-02 00:05
        0 22 * * 1-5    mail -s "It's 10pm" joe%Joe% => 0 22 * * 1-5 => 01-01 22:00, 01-02 22:00
        5 4 * * sun     echo "run at 5 after 4 every Sunday" => 5 4 * * sun => 01-04 04:05, 01-11 04:05
        0 9 1 * * python3 report.py => 0 9 1 * * => 01-01 09:00, 02-01 09:00
        0 9 1 * * monitor.sh => 0 9 1 * * => 01-01 09:00, 02-01 09:00
        30 23 31 12 * fireworks => 30 23 31 12 * => 12-31 23:30, 2027-12-31 23:30
        @every 5m /usr/bin/poll => @every 5m => 01-01 00:05, 01-01 00:10
        CRON_TZ=Asia/Tokyo 30 04 * * * root poll => CRON_TZ=Asia/Tokyo 30 04 * * * => 01-02 04:30, 01-03 04:30
    """,
    "nothing may follow @": """
        @daily /usr/bin/backup.sh => @daily => 01-02 00:00, 01-03 00:00
        @hourly root run-parts /etc/cron.hourly => @hourly => 01-01 01:00, 01-01 02:00
        @daily # at night => @daily => 01-02 00:00, 01-03 00:00
    """,
    "quotes, commas and comments around a spec are not allowed": """
        */5 * * * * # every five minutes => */5 * * * * => 01-01 00:05, 01-01 00:10
        */5 * * * * #comment => */5 * * * * => 01-01 00:05, 01-01 00:10
        # */5 * * * * => */5 * * * * => 01-01 00:05, 01-01 00:10
        "*/5 * * * *" => */5 * * * * => 01-01 00:05, 01-01 00:10
        '0 9 * * 1-5' => 0 9 * * 1-5 => 01-01 09:00, 01-02 09:00
        `0 9 * * 1-5` => 0 9 * * 1-5 => 01-01 09:00, 01-02 09:00
        "0 9 * * *", => 0 9 * * * => 01-01 09:00, 01-02 09:00
        | 0 9 * * * | => 0 9 * * * => 01-01 09:00, 01-02 09:00
    """,
    "is not allowed in a spec": """
        \u201c0 9 * * *\u201d => 0 9 * * * => 01-01 09:00, 01-02 09:00
        0 9 * * 1\u20135 => 0 9 * * 1-5 => 01-01 09:00, 01-02 09:00
        0 9 * * MON\u2013FRI => 0 9 * * MON-FRI => 01-01 09:00, 01-02 09:00
        0\xa09\xa0*\xa0*\xa0* => 0 9 * * * => 01-01 09:00, 01-02 09:00
        0 9\xa0* * * => 0 9 * * * => 01-01 09:00, 01-02 09:00
        \u2217/5 * * * * => */5 * * * * => 01-01 00:05, 01-01 00:10
        \\*/5 \\* \\* \\* \\* => */5 * * * * => 01-01 00:05, 01-01 00:10
    """,
    "spaces in a field are not allowed": """
        * / 5 * * * * => */5 * * * * => 01-01 00:05, 01-01 00:10
        0 9 * * MON - FRI => 0 9 * * MON-FRI => 01-01 09:00, 01-02 09:00
        0 9 * * 1, 3, 5 => 0 9 * * 1,3,5 => 01-02 09:00, 01-05 09:00
    """,
    "is not part of a spec": """
        - cron: '30 5,17 * * *' # twice a day => 30 5,17 * * * => 01-01 05:30, 01-01 17:30
        schedule: "*/1 * * * *" => */1 * * * * => 01-01 00:01, 01-01 00:02
        "schedule": "0 0 * * *", => 0 0 * * * => 01-02 00:00, 01-03 00:00
        cron.workhours_15m = 0 */15 9-17 ? * MON-FRI => 0 */15 9-17 ? * MON-FRI => 01-01 09:00, 01-01 09:15
        OnCalendar=Mon..Fri *-*-* 09:00 => 0 9 * * MON-FRI => 01-01 09:00, 01-02 09:00
        OnCalendar=daily => @daily => 01-02 00:00, 01-03 00:00
    """,
    "is a call, not a spec": """
        @Scheduled(cron = "0 0 8-10 * * *") => 0 0 8-10 * * * => 01-01 08:00, 01-01 09:00
        cron(*/5 * * * *) => */5 * * * * => 01-01 00:05, 01-01 00:10
        timedelta(minutes=5) => @every 5m => 01-01 00:05, 01-01 00:10
        IntervalTrigger(hours=1, minutes=30) => @every 1h30m => 01-01 01:30, 01-01 03:00
        interval[0:05:00] => @every 0h05m00s => 01-01 00:05, 01-01 00:10
        scheduler.add_job(tick, 'interval', minutes=5) => @every 5m => 01-01 00:05, 01-01 00:10
        crontab() => * * * * * => 01-01 00:01, 01-01 00:02
        crontab(minute=0, hour='*/3,8-17') => 0 */3,8-17 * * * => 01-01 03:00, 01-01 06:00
        crontab(hour=7, minute=30, day_of_week=1) => 30 7 * * 1 => 01-05 07:30, 01-12 07:30
        CronTrigger.from_crontab('0 0 1-15 may-aug *') => 0 0 1-15 may-aug * => 05-01 00:00, 05-02 00:00
    """,
    "is above": """
        0 0 * * 1-7 => 0 0 * * 1-6,0 => 01-02 00:00, 01-03 00:00
        0 0 * * 0-7 => 0 0 * * 0-6 => 01-02 00:00, 01-03 00:00
        0 0 * * 5-7 => 0 0 * * 5-6,0 => 01-02 00:00, 01-03 00:00
        0 24 * * * => 0 0 * * * => 01-02 00:00, 01-03 00:00
        0 0-24 * * * => 0 0-23 * * * => 01-01 01:00, 01-01 02:00
        0 18-24 * * * => 0 18-23,0 * * * => 01-01 18:00, 01-01 19:00
        60 * * * * => 0 * * * * => 01-01 01:00, 01-01 02:00
    """,
    "a zone belongs in front of a spec": """
        0 9 * * * Europe/Berlin => TZ=Europe/Berlin 0 9 * * * => 01-01 09:00, 01-02 09:00
        0 9 * * * TZ=Europe/Berlin => TZ=Europe/Berlin 0 9 * * * => 01-01 09:00, 01-02 09:00
        Mon *-*-* 03:00 Europe/Berlin => TZ=Europe/Berlin 0 3 * * MON => 01-05 03:00, 01-12 03:00
    """,
    "the year, is not supported": """
        0 15 10 * * ? * => 0 15 10 * * ? => 01-01 10:15, 01-02 10:15
        0 15 10 * * ? 2027 => 0 15 10 * * ? => 01-01 10:15, 01-02 10:15
        0 15 10 ? * 2-6 * => 0 15 10 ? * MON-FRI => 01-01 10:15, 01-02 10:15
    """,
    "the weekday 7 is Saturday in Quartz and Sunday in a crontab": """
        0 15 10 ? * 7 => 0 15 10 ? * SAT => 01-03 10:15, 01-10 10:15
        0 15 10 ? * 1-7 => 0 15 10 ? * SUN-SAT => 01-01 10:15, 01-02 10:15
    """,
    "a sixth field for the year is not supported": """
        cron(0 10 * * ? *) => 0 10 * * ? => 01-01 10:00, 01-02 10:00
        cron(15 12 * * ? *) => 15 12 * * ? => 01-01 12:15, 01-02 12:15
        cron(0 18 ? * MON-FRI *) => 0 18 ? * MON-FRI => 01-01 18:00, 01-02 18:00
        cron(0 8 1 * ? *) => 0 8 1 * ? => 01-01 08:00, 02-01 08:00
        cron(0/10 * ? * MON-FRI *) => 0/10 * ? * MON-FRI => 01-01 00:10, 01-01 00:20
        cron(0 8 ? * 2-6 *) => 0 8 ? * MON-FRI => 01-01 08:00, 01-02 08:00
        cron(0 10 1 1 ? 2027) => 0 10 1 1 ? => 01-01 10:00, 2027-01-01 10:00
        0 10 * * ? * => 0 10 * * ? => 01-01 10:00, 01-02 10:00
        0 18 ? * MON-FRI * => 0 18 ? * MON-FRI => 01-01 18:00, 01-02 18:00
        0 0 1 1 * 2027 => 0 0 1 1 * => 2027-01-01 00:00, 2028-01-01 00:00
    """,
    "is not a spec": """
        rate(5 minutes) => @every 5m => 01-01 00:05, 01-01 00:10
        rate(1 hour) => @every 1h => 01-01 01:00, 01-01 02:00
        rate(1 day) => @every 24h => 01-02 00:00, 01-03 00:00
        Mon..Fri *-*-* 09:00 => 0 9 * * MON-FRI => 01-01 09:00, 01-02 09:00
        Mon,Tue *-*-* 12:00:00 => 0 12 * * MON,TUE => 01-05 12:00, 01-06 12:00
        *-*-* *:0/15 => 0/15 * * * * => 01-01 00:15, 01-01 00:30
        *-*-* 04:00:00 => 0 4 * * * => 01-01 04:00, 01-02 04:00
        *-*-01 00:00 => 0 0 1 * * => 02-01 00:00, 03-01 00:00
        *-*-* 06:30:15 => 15 30 6 * * * => 01-01 06:30:15, 01-02 06:30:15
        Sat,Sun 20:00 => 0 20 * * SAT,SUN => 01-03 20:00, 01-04 20:00
        09:00 => 0 9 * * * => 01-01 09:00, 01-02 09:00
        minutely => * * * * * => 01-01 00:01, 01-01 00:02
        quarterly => 0 0 1 */3 * => 04-01 00:00, 07-01 00:00
        5m => @every 5m => 01-01 00:05, 01-01 00:10
        30s => @every 30s => 01-01 00:00:30, 01-01 00:01
        1h30m => @every 1h30m => 01-01 01:30, 01-01 03:00
        500ms => @every 500ms => 01-01 00:00:00.500, 01-01 00:00:01
        5 minutes => @every 5m => 01-01 00:05, 01-01 00:10
        1 hour => @every 1h => 01-01 01:00, 01-01 02:00
        PT5M => @every 5m => 01-01 00:05, 01-01 00:10
        PT1H30M => @every 1h30m => 01-01 01:30, 01-01 03:00
        every 5m => @every 5m => 01-01 00:05, 01-01 00:10
        Every 5 Minutes => @every 5m => 01-01 00:05, 01-01 00:10
        every 30 seconds => @every 30s => 01-01 00:00:30, 01-01 00:01
        every 2 days => @every 48h => 01-03 00:00, 01-05 00:00
        every minute => * * * * * => 01-01 00:01, 01-01 00:02
        every hour => 0 * * * * => 01-01 01:00, 01-01 02:00
        every day at 10:30 => 30 10 * * * => 01-01 10:30, 01-02 10:30
        every day at 9am => 0 9 * * * => 01-01 09:00, 01-02 09:00
        every monday at 9pm => 0 21 * * MON => 01-05 21:00, 01-12 21:00
        every weekday at 09:00 => 0 9 * * MON-FRI => 01-01 09:00, 01-02 09:00
        weekdays at 9:30 => 30 9 * * MON-FRI => 01-01 09:30, 01-02 09:30
        at 10:30 => 30 10 * * * => 01-01 10:30, 01-02 10:30
        schedule.every(10).minutes.do(job) => @every 10m => 01-01 00:10, 01-01 00:20
        schedule.every().hour.do(job) => 0 * * * * => 01-01 01:00, 01-01 02:00
        schedule.every().day.at("10:30").do(job) => 30 10 * * * => 01-01 10:30, 01-02 10:30
        schedule.every().monday.do(job) => 0 0 * * MON => 01-05 00:00, 01-12 00:00
        schedule.every().wednesday.at("13:15").do(job) => 15 13 * * WED => 01-07 13:15, 01-14 13:15
    """,
    "'@' is missing before": """
        hourly => @hourly => 01-01 01:00, 01-01 02:00
        daily => @daily => 01-02 00:00, 01-03 00:00
        Daily => @daily => 01-02 00:00, 01-03 00:00
        TZ=UTC hourly => TZ=UTC @hourly => 01-01 01:00, 01-01 02:00
    """,
    "@every takes one duration without spaces": """
        @every 5 minutes => @every 5m => 01-01 00:05, 01-01 00:10
        @every 2 days => @every 48h => 01-03 00:00, 01-05 00:00
        @every 1h 30m => @every 1h30m => 01-01 01:30, 01-01 03:00
        @every 1 hour and 30 minutes => @every 1h30m => 01-01 01:30, 01-01 03:00
        @every 5min => @every 5m => 01-01 00:05, 01-01 00:10
        @every1h => @every 1h => 01-01 01:00, 01-01 02:00
        @every5m => @every 5m => 01-01 00:05, 01-01 00:10
    """,
    "unknown descriptor": """
        @every_minute => * * * * * => 01-01 00:01, 01-01 00:02
        @every_second => * * * * * * => 01-01 00:00:01, 01-01 00:00:02
        @600 => @every 600s => 01-01 00:10, 01-01 00:20
    """,
}


@pytest.mark.parametrize(
    ("reason", "spec", "instead", "expected"),
    [(reason, *row) for reason, text in SUGGESTIONS.items() for row in table(text)],
)
def test_the_error_for_a_spec_of_another_program_suggests_one_with_the_same_ticks(
    reason: str, spec: str, instead: str, expected: str
) -> None:
    """Except that the year of the foreign spec is lost."""
    sentence = error_for(spec).sentence
    assert reason in sentence
    assert sentence.endswith(f"; write {instead}" if instead.startswith("@") else f"; write '{instead}'")
    assert ticks_of(instead, 2) == expected


ADVICE = [
    # the other number of Sunday in a crontab
    ("0 0 * * 7", "'7' is above 6 (0-6 or SUN-SAT; Sunday is 0)"),
    ("TZ=Europe/Berlin 0 9 * * 7", "Sunday is 0"),
    # letters of other crons
    ("@reboot", "runs a job when the scheduler starts"),
    ("@reboot /usr/bin/x", "runs a job when the scheduler starts"),
    ("0 15 10 L * ?", "write 28-31 in day-of-month, and check in the job that tomorrow is the 1st"),
    ("0 15 10 L-2 * ?", "write 26-29 in day-of-month, and check in the job that the 1st is 3 days ahead"),
    ("0 15 10 ? * 6L", "write the day's name (6 is FRI in Quartz, SAT elsewhere), and check in the job that"),
    ("0 15 10 ? * FRIL", "write only the day, and check in the job that it is the month's last"),
    ("0 15 10 ? * 6#3", "SAT elsewhere), and check in the job that the date is 15-21"),
    ("0 0 0 ? * MON#1", "write only the day, and check in the job that the date is 1-7"),
    (
        "0 0 0 15W * *",
        "write 14-16 in day-of-month, and check in the job that it is the weekday nearest to day 15",
    ),
    (
        "0 0 0 1W * *",
        "write 1-3 in day-of-month, and check in the job that it is the weekday nearest to day 1",
    ),
    ("0 0 0 LW * *", "write 26-31 in day-of-month, and check in the job that it is the month's last weekday"),
    ("0 15 10 ? * 6L 2002-2005", "write six: second minute hour day-of-month month day-of-week"),
    ("H H * * *", "write a number (0-59)"),
    ("H/15 * * * *", "write */15"),
    ("H(0-29)/10 * * * *", "write 0-29/10"),
    ("H(0-7) 3 * * *", "write a number (0-7)"),
    ("0~59 * * * *", "write a number (0-59)"),
    ("~ 3 * * *", "write a number (0-59)"),
    # names and ranges
    ("0 9 * * Monday", "write MON"),
    ("0 9 * * Monday-Friday", "write MON-FRI"),
    ("0 9 * * TUES", "write TUE"),
    ("0 0 1 january *", "write JAN"),
    ("0 0 1 SEPT *", "write SEP"),
    ("0 0 * * FRI-SUN", "write FRI-SAT,SUN"),
    ("0 22-2 * * *", "write 22-23,0-2"),
    ("*/0 * * * *", "write a number from 1"),
    ("*5 * * * *", "write * or */n"),
    ("? * * * *", "write *"),
    # incomplete, or not a spec
    ("@dayly", "did you mean @daily?"),
    ("@every 1d", "a day is not always 24 hours, so write 24h if you mean that"),
    ("@every 5", "write h, m, s, ms, us or ns, such as 5s"),
    ("* * * *", "write six: second minute hour day-of-month month day-of-week"),
    ("*/5", "write six: second minute hour day-of-month month day-of-week"),
    ("5", "write six: second minute hour day-of-month month day-of-week"),
    ("*****", "write six: second minute hour day-of-month month day-of-week"),
    ("cron.workhours_15m", "write the spec itself"),
    ("*-*~01", "write six: second minute hour day-of-month month day-of-week"),
    ("Mon *-*-01..07 09:00", "write six: second minute hour day-of-month month day-of-week"),
    ("2027-01-01 10:00", "use jobtui.at()"),
    ("2027-01-01T10:00:00Z", "use jobtui.at()"),
    ("cron[hour='5', minute='0']", "write six fields (second minute hour"),
    ("CronTrigger(hour=5, day_of_week='mon-fri')", "write six fields (second minute hour"),
    ("@Scheduled(fixedRate = 5000)", "write six fields (second minute hour"),
    ("cron(15 10 ? * 6L 2022-2023)", "write six fields (second minute hour"),
    ("every other day", "write six: second minute hour day-of-month month day-of-week"),
]


@pytest.mark.parametrize(("spec", "advice"), ADVICE, ids=[row[0] for row in ADVICE])
def test_the_error_for_a_spec_without_an_equal_one_says_what_to_do(spec: str, advice: str) -> None:
    """No single spec has the same meaning, or the meaning is unknown."""
    assert advice in error_for(spec).sentence


def last_day(first: date) -> date:
    """Return the last day of the month that begins with ``first``."""
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def nearest_weekday(day: date) -> date:
    """Return the working day nearest to ``day`` in its month, as W does in Quartz."""
    near = [day + timedelta(days=off) for off in (0, -1, 1, 2, -2)]
    return next(each for each in near if each.month == day.month and each.weekday() < 5)


@pytest.mark.parametrize("item", ["L", "L-1", "L-3", "L-27", "1W", "2W", "15W", "27W", "28W", "LW"])
def test_the_days_suggested_for_l_and_w_include_the_meant_day(item: str) -> None:
    """In every month of ten years, so that the job can check for it."""
    found = re.search(r"write ([0-9]+)-([0-9]+) in day-of-month", error_for(f"0 0 12 {item} * ?").sentence)
    assert found
    for year in range(2026, 2036):
        for month in range(1, 13):
            first = date(year, month, 1)
            last = last_day(first)
            if item.startswith("L"):
                meant = nearest_weekday(last) if item == "LW" else last - timedelta(days=int(item[2:] or 0))
            else:
                meant = nearest_weekday(first.replace(day=int(item[:-1])))
            assert int(found[1]) <= meant.day <= int(found[2])


@pytest.mark.parametrize("nth", range(1, 6))
def test_the_dates_suggested_for_the_nth_weekday_include_it_alone(nth: int) -> None:
    """The n-th Monday of every month, for ten years, is within the week of the message."""
    found = re.search(r"the date is ([0-9]+)-([0-9]+)$", error_for(f"0 0 12 ? * MON#{nth}").sentence)
    assert found
    for year in range(2026, 2036):
        for month in range(1, 13):
            first = date(year, month, 1)
            days = range(1, last_day(first).day + 1)
            mondays = [day for day in days if first.replace(day=day).weekday() == 0]
            assert [day for day in mondays if int(found[1]) <= day <= int(found[2])] == mondays[nth - 1 : nth]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # Quartz and EventBridge count weekdays from 1, Sunday: there it is Monday to Friday.
        ("0 15 10 ? * 2-6", "01-01 10:15, 01-02 10:15, 01-03 10:15"),
        # Revel and robfig/cron 1 leave out the day-of-week of five fields: there it is daily at noon.
        ("0 0 12 * *", "01-12 00:00, 02-12 00:00, 03-12 00:00"),
        # croniter takes a sixth field for the second: there it is every 5 minutes.
        ("*/5 * * * * 0", "01-04 00:00, 01-04 00:00:05, 01-04 00:00:10"),
        # Spring and NCRONTAB want both days to match: there it is Friday the 13th.
        ("0 0 0 13 * FRI", "01-02 00:00, 01-09 00:00, 01-13 00:00"),
        # robfig/cron 3, so Kubernetes, needs one alone where the star has a step: there it is 01-02 too.
        ("0 0 */3 * FRI", "01-16 00:00, 02-13 00:00, 03-13 00:00"),
        # APScheduler counts weekdays from Monday, 0: there it is Tuesday to Saturday.
        ("0 9 * * 1-5", "01-01 09:00, 01-02 09:00, 01-05 09:00"),
        # systemd's weekly is Monday at midnight.
        ("@weekly", "01-04 00:00, 01-11 00:00, 01-18 00:00"),
    ],
)
def test_an_ambiguous_spec_has_the_meaning_of_jobtui(spec: str, expected: str) -> None:
    """Another program would read it differently, but nothing in the spec shows its origin."""
    assert ticks_of(spec, 3) == expected


def test_a_suggestion_for_a_quartz_spec_has_names_of_weekdays() -> None:
    """In Quartz, Sunday is 1. A question mark and a year show that a spec is from there."""
    assert "'0 15 10 ? * SUN,TUE-SAT/2'" in error_for("0 15 10 ? * 1,3-7/2 *").sentence
    assert "'15 10 ? * FRI'" in error_for("cron(15 10 ? * 6 *)").sentence


@pytest.mark.parametrize(
    ("spec", "field", "column"),
    [
        ("0 22 * * 1-5 mail -s", None, 13),
        ("0 0 * * 7", "day-of-week", 8),
        ("0 9 * * 1\u20135", "day-of-week", 8),
        ("0 15 10 * * ? *", "year", 14),
        ("TZ=UTC hourly", None, 7),
        ("@every 1h 30m", None, 10),
    ],
)
def test_the_caret_of_a_suggestion_is_under_the_first_word_to_change(
    spec: str, field: str | None, column: int
) -> None:
    """The error has a field only if the fault is in it."""
    error = error_for(spec)
    assert (error.field, error.position) == (field, column)


@pytest.mark.parametrize(
    "spec",
    ["0 9 1 * * MONDAY", "0 9 1 * * 5L", "0 9 1 * * TEU", "1 2 3 4 5 6 7 8", "TZ=Europe/Olso 0 9 * * 7"],
)
def test_a_spec_of_no_other_program_keeps_the_parsers_message(spec: str) -> None:
    """A mistake in a field is not taken for the command of a crontab, and a bad zone is not accepted."""
    with pytest.raises(BadSpec) as caught:
        parse(spec, tz="UTC")
    assert with_suggestion(caught.value) is caught.value


PIECES = st.sampled_from(
    [
        *"0123456789*?,-/ LWH#@=~:.()['\"`\\\n\x00\u2013\u00a0",
        *["MON", "monday", "daily", "every ", "1h", "5 minutes", " at ", "10:30", "am", "do", "PT"],
        *["@every ", "TZ=UTC ", " Europe/Berlin", "cron(", "crontab(", "minute=", "hours=", "rate("],
        *["cron: ", "Mon..Fri ", "*-*-* ", "0 9 * * * ", "0 0 12 * * ? ", " 7", " 24", " ? ", " 2027"],
        *[" /bin/x", " root ", " # c", "9" * 60],
    ]
)


@STEADY
@given(st.lists(PIECES, max_size=14).map("".join))
def test_every_suggestion_is_a_valid_spec(spec: str) -> None:
    """For any text; and a second call changes nothing."""
    try:
        parse(spec, tz="UTC")
    except BadSpec as bad:
        error = with_suggestion(bad)
        assert str(with_suggestion(error)) == str(error)
        found = re.search(r"; write (?:'([^']+)'|(@\w+(?: \S+)?))$", error.sentence)
        if found:
            parse(found[1] or found[2], tz="UTC")


@pytest.mark.parametrize(
    "piece", [".", "cron", "-", " , ", "1 m ", "every ", "'", "x=", "Mon..Fri ", "a/", "(", "7,"]
)
def test_a_text_of_512_characters_is_rejected_within_a_second(piece: str) -> None:
    """No rule takes quadratic time."""
    began = datetime.now(UTC)
    with pytest.raises(BadSpec):
        parse((piece * 512)[:500], tz="UTC")
    with_suggestion(BadSpec("too long", spec=(piece * 512)[:512], position=0))
    assert datetime.now(UTC) - began < timedelta(seconds=1)
