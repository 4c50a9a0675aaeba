// tedious: values, parameters, prepared statements, transactions, errors, cancelling, encryption and bulk loads.
'use strict';
const assert = require('node:assert');
const path = require('node:path');
const { Connection, Request, TYPES, ISOLATION_LEVEL } = require(path.join(process.env.SANDBOX_NODE_MODULES, 'tedious'));

function connect(options = {}, password = process.env.SANDBOX_PASSWORD) {
  const connection = new Connection({
    server: process.env.SANDBOX_HOST,
    authentication: { type: 'default', options: { userName: 'sa', password } },
    options: {
      port: Number(process.env.SANDBOX_PORT),
      database: 'clients',
      encrypt: false,
      trustServerCertificate: true,
      useUTC: true,
      ...options,
    },
  });
  return new Promise((resolve, reject) =>
    connection.connect((error) => (error ? reject(error) : resolve(connection))));
}

function run(connection, sql, { parameters = [], method = 'execSql' } = {}) {
  return new Promise((resolve, reject) => {
    const rows = [];
    const request = new Request(sql, (error) => (error ? reject(error) : resolve(rows)));
    parameters.forEach(([name, type, value, options]) => request.addParameter(name, type, value, options));
    request.on('row', (columns) => rows.push(columns.map((column) => column.value)));
    connection[method](request);
  });
}

const step = (connection, method, ...arguments_) =>
  new Promise((resolve, reject) => connection[method]((error) => (error ? reject(error) : resolve()), ...arguments_));

async function refused(connection, sql, number) {
  await assert.rejects(run(connection, sql), (error) => {
    assert.strictEqual(error.number, number, `${sql}: ${error.number} ${error.message}`);
    return true;
  });
}

async function values(connection, what) {
  const rows = await run(connection, `SELECT c_bit, c_int, c_bigint, c_numeric, c_real, c_float, c_datetime2, c_char,
    c_varchar, c_varchar_max, c_nvarchar, c_nvarchar_max, c_binary, c_varbinary_max, c_uniqueidentifier
    FROM dbo.every_type ORDER BY id`);
  const low = [false, -2147483648, '-9223372036854775808', -9999999.99, -0.5, -1.7976931348623157E308, undefined,
    '     ', '', '', '', '', Buffer.alloc(4), Buffer.alloc(0), '00000000-0000-0000-0000-000000000000'];
  const high = [true, 2147483647, '9223372036854775807', 9999999.99, 0.25, 2.2250738585072014E-308,
    new Date(Date.UTC(9999, 11, 31, 23, 59, 59, 999)), 'abc  ', 'trailing  ', 'x'.repeat(20000),
    '\u03a9 \u{1f600} \u00e9', '\u03a9'.repeat(20000), Buffer.from('deadbeef', 'hex'), Buffer.from('y'.repeat(20000)),
    '0E984725-C51C-4BF4-9960-E1C80E27ABA0'];
  assert.strictEqual(rows.length, 3, what);
  [low, high].forEach((wanted, row) => wanted.forEach((value, column) => {
    if (value instanceof Date) {
      assert.strictEqual(rows[row][column].getTime(), value.getTime(), `${what}: row ${row} column ${column}`);
    } else if (value !== undefined) {
      assert.deepStrictEqual(rows[row][column], value, `${what}: row ${row} column ${column}`);
    }
  }));
  assert.ok(rows[2].every((value) => value === null), `${what}: the row of NULLs`);
}

async function main() {
  for (const options of [{}, { packetSize: 512 }, { packetSize: 32767 }, { encrypt: true },
    { encrypt: true, packetSize: 32767 }]) {
    const connection = await connect(options);
    await values(connection, JSON.stringify(options));
    connection.close();
  }

  const connection = await connect();
  const long = '\u03a9'.repeat(100000);
  assert.deepStrictEqual(
    await run(connection, 'SELECT @a, @b, @c, @d', {
      parameters: [['a', TYPES.Int, 7], ['b', TYPES.NVarChar, '\u03a9 \u{1f600}'], ['c', TYPES.VarBinary, null],
        ['d', TYPES.NVarChar, long]],
    }),
    [[7, '\u03a9 \u{1f600}', null, long]]);

  await refused(connection, 'SELECT * FROM dbo.missing', 208);
  await refused(connection, 'SELECT 1/0', 8134);
  await refused(connection, 'INSERT INTO dbo.every_type (id) VALUES (1)', 2627);

  const prepared = await new Promise((resolve, reject) => {
    const rows = [];
    let runs = 0;
    const execute = () => connection.execute(request, { n: ++runs * 10 });
    const request = new Request('SELECT @n + 1', (error) => {
      if (error) {
        reject(error);
      } else if (runs < 2) {
        execute();
      } else if (runs++ === 2) {
        connection.unprepare(request);
      } else {
        resolve(rows);
      }
    });
    request.addParameter('n', TYPES.Int);
    request.on('row', (columns) => rows.push(columns[0].value));
    request.on('prepared', execute);
    connection.prepare(request);
  });
  assert.deepStrictEqual(prepared, [11, 21]);

  await run(connection, 'CREATE TABLE dbo.loaded (id int NOT NULL, text nvarchar(max) NULL)', { method: 'execSqlBatch' });
  const rows = Array.from({ length: 1000 }, (_, n) => ({ id: n, text: n % 3 ? `\u{1f600} ${n}` : null }));
  const loaded = await new Promise((resolve, reject) => {
    const load = connection.newBulkLoad('dbo.loaded', (error, count) => (error ? reject(error) : resolve(count)));
    load.addColumn('id', TYPES.Int, { nullable: false });
    load.addColumn('text', TYPES.NVarChar, { nullable: true, length: Infinity });
    connection.execBulkLoad(load, rows);
  });
  assert.strictEqual(loaded, 1000);
  assert.deepStrictEqual(
    await run(connection, 'SELECT id, text FROM dbo.loaded ORDER BY id'),
    rows.map(({ id, text }) => [id, text]));

  await step(connection, 'beginTransaction', 'first', ISOLATION_LEVEL.READ_COMMITTED);
  await run(connection, 'DELETE FROM dbo.loaded');
  await step(connection, 'rollbackTransaction');
  assert.deepStrictEqual(await run(connection, 'SELECT COUNT(*) FROM dbo.loaded'), [[1000]]);
  await step(connection, 'beginTransaction');
  await run(connection, 'DELETE FROM dbo.loaded WHERE id >= 10');
  await step(connection, 'commitTransaction');
  assert.deepStrictEqual(await run(connection, 'SELECT COUNT(*) FROM dbo.loaded'), [[10]]);

  // An attention, while the rows of a long result come.
  const cancelled = await new Promise((resolve) => {
    const request = new Request(
      'SELECT a.id FROM dbo.loaded a, dbo.loaded b, dbo.loaded c, dbo.loaded d, dbo.loaded e',
      (error) => resolve(error));
    request.once('row', () => connection.cancel());
    connection.execSqlBatch(request);
  });
  assert.strictEqual(cancelled && cancelled.code, 'ECANCEL');
  assert.deepStrictEqual(await run(connection, 'SELECT 1'), [[1]]);

  // RESETCONNECTION.
  await new Promise((resolve, reject) => connection.reset((error) => (error ? reject(error) : resolve())));
  await run(connection, 'DROP TABLE dbo.loaded');
  connection.close();

  await assert.rejects(connect({}, 'wrong'), { code: 'ELOGIN' });
}

// What hangs is to fail.
setTimeout(() => {
  console.error('tedious waits for something');
  process.exit(1);
}, 60_000).unref();

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
