#!/usr/bin/env bash
# FreeTDS: what tsql shows and what freebcp takes out and puts in again, in every encryption mode and packet size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export FREETDSCONF=$folder/freetds.conf

fail() { printf '%s\n' "$@" >&2; exit 1; }

server() { # encryption, packet size, client character set
    printf '[sandbox]\nhost = %s\nport = %s\ntds version = 7.4\nencryption = %s\ninitial block size = %s\ntext size = 2147483647\nclient charset = UTF-8\n' \
        "$SANDBOX_HOST" "$SANDBOX_PORT" "$1" "$2" >"$FREETDSCONF"
}

# Result rows only, columns separated by |.
ask() { tsql -S sandbox -U sa -P "$SANDBOX_PASSWORD" -D clients -o fhq -t '|' <<<"$1"$'\ngo' 2>&1; }

expect() { # statement, expected lines
    local got
    got=$(ask "$1")
    [[ "$got" == "$2" ]] || fail "$1" "gave: $got" "not:  $2"
}

for encryption in off request require; do
    for size in 512 4096 32000; do
        server "$encryption" "$size"
        expect "SELECT c_bit, c_tinyint, c_smallint, c_int, c_bigint, c_decimal, c_numeric, c_float FROM dbo.every_type ORDER BY id" \
'0|0|-32768|-2147483648|-9223372036854775808|-9999999999999999999999999999.9999999999|-9999999.99|-1.7976931348623157e+308
1|255|32767|2147483647|9223372036854775807|9999999999999999999999999999.9999999999|9999999.99|2.2250738585072014e-308
NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL'
        expect "SELECT c_char, c_varchar, c_nvarchar, c_binary, c_varbinary, c_uniqueidentifier FROM dbo.every_type WHERE id = 2" \
'abc  |trailing  |Ω 😀 é|deadbeef|00ff80|0E984725-C51C-4BF4-9960-E1C80E27ABA0'
        expect "SELECT c_nvarchar_max FROM dbo.every_type WHERE id = 2" "$(printf 'Ω%.0s' {1..20000})"
    done
done

server off 4096
for case in 'Msg 208|SELECT * FROM dbo.missing' 'Msg 8134|SELECT 1/0' 'Msg 2627|INSERT INTO dbo.every_type (id) VALUES (1)' \
    'Msg 102|SELECT 1 +' 'Msg 911|USE nowhere'; do
    got=$(ask "${case#*|}" || true)
    [[ "$got" == *"${case%%|*} "* ]] || fail "${case#*|}" "gave: $got" "not:  ${case%%|*}"
done
got=$(tsql -S sandbox -U sa -P wrong -o q <<<'' 2>&1 || true)
[[ "$got" == *"Msg 18456 "* ]] || fail "a wrong password gave: $got"

# Out as characters and natively, and in again: the copies equal the original.
columns='id, c_bit, c_tinyint, c_smallint, c_int, c_bigint, c_decimal, c_numeric, c_money, c_smallmoney, c_real, c_float,
    c_datetime, c_smalldatetime, c_char, c_varchar, c_nchar, c_nvarchar, c_binary, c_varbinary, c_uniqueidentifier'
ask "SELECT $columns INTO dbo.out_of FROM dbo.every_type"
bcp() { freebcp "clients.dbo.$1" "$2" "$folder/rows" -S sandbox -U sa -P "$SANDBOX_PASSWORD" "${@:3}" 2>&1; }
# FreeTDS 1.3.17 can't read its own native files back where values are NULL or empty (its issue 686), or wide
# characters (408).
ask "SELECT * INTO dbo.full_of FROM dbo.out_of WHERE id = 2; ALTER TABLE dbo.full_of DROP COLUMN c_nchar, c_nvarchar"
for case in '-n|full_of|1' '-c -t , -r \n|out_of|3'; do
    IFS='|' read -r form table count <<<"$case"
    ask "SELECT * INTO dbo.put_in FROM dbo.$table WHERE 1 = 0"
    # shellcheck disable=SC2086
    bcp "$table" out $form >"$folder/log" || fail "freebcp out $form" "$(cat "$folder/log")"
    # shellcheck disable=SC2086
    bcp put_in in $form >"$folder/log" || fail "freebcp in $form" "$(cat "$folder/log")"
    expect "SELECT COUNT(*) FROM dbo.put_in" "$count"
    expect "SELECT * FROM dbo.$table EXCEPT SELECT * FROM dbo.put_in" ""
    ask "DROP TABLE dbo.put_in"
done
ask "DROP TABLE dbo.full_of"
ask "DROP TABLE dbo.out_of"
