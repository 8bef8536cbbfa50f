-- Web analytics: one row for each thing a visitor does.
CREATE TABLE IF NOT EXISTS web_events
(
    EventTime DateTime64(3),
    EventDate Date DEFAULT toDate(EventTime),
    SiteID UInt32,
    VisitorID UInt64,
    SessionID UUID,
    Event LowCardinality(String),
    URL String,
    Referrer Nullable(String),
    Country LowCardinality(String),
    City LowCardinality(String),
    Device Enum8('desktop' = 1, 'mobile' = 2, 'tablet' = 3, 'tv' = 4),
    ClientIP IPv4,
    ScreenWidth UInt16,
    DurationMs UInt32,
    Price Decimal(9, 2),
    Tags Array(LowCardinality(String)),
    Experiments Map(LowCardinality(String), UInt8)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(EventDate)
ORDER BY (SiteID, EventDate, intHash32(VisitorID))
