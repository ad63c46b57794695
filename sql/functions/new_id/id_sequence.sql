-- Ids are ULIDs: 10 characters of milliseconds, 10 of a sequence, 6 random. The sequence makes ids rise within a
-- statement and a millisecond; the random part keeps ids of several databases apart. Sequence and random part are
-- hexadecimal, a subset of Crockford's alphabet, which PostgreSQL prints at a tenth of the cost of base32. Time and tail
-- are apart so that a bulk statement computes the time once; both are single expressions, so that they are inlined.
create sequence jobstream.id_sequence as bigint cache 32;

comment on sequence jobstream.id_sequence is
'Middle part of every id made by jobstream.new_id().';
