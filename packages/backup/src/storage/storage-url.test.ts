import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseStorageAddress } from './storage-url.ts'

describe('the address of a storage', () => {
  test.each([
    ['/srv/backup', '/srv/backup'],
    ['relative/place', path.resolve('relative/place')],
    ['file:///srv/with%20space', '/srv/with space'],
    ['C:thing', path.resolve('C:thing')],
  ])('%s is a directory', (url, directory) => {
    expect(parseStorageAddress(url)).toEqual({ kind: 'local', directory })
  })

  test('s3 takes a bucket, a prefix and parameters', () => {
    const url =
      's3://bucket/a/b/?endpoint=https://host:9000&region=eu&path-style=false&retention-days=30&retention-mode=compliance&connections=3'
    expect(parseStorageAddress(url)).toEqual({
      kind: 's3',
      options: {
        bucket: 'bucket',
        prefix: 'a/b',
        endpoint: 'https://host:9000',
        region: 'eu',
        profile: undefined,
        pathStyle: false,
        connections: 3,
        retention: { mode: 'compliance', days: 30 },
      },
    })
  })

  test.each([
    ['', /empty/],
    ['ftp://host/x', /not a kind of storage/],
    ['file://host/x', /no host/],
    ['s3:///x', /bucket|read/],
    ['s3://key:secret@bucket/x', /credentials do not belong/],
    ['s3://bucket?secret=x', /not a parameter/],
    ['s3://bucket?endpoint=ftp://x', /endpoint/],
    ['s3://bucket?endpoint=https://user:pass@host', /endpoint/],
    ['s3://bucket?path-style=maybe', /path-style/],
    ['s3://bucket?connections=0', /connections/],
    ['s3://bucket?retention-mode=compliance', /retention-days/],
    ['s3://bucket?retention-days=1&retention-mode=x', /retention-mode/],
  ])('refuses %s', (url, reason) => {
    expect(() => parseStorageAddress(url)).toThrow(reason)
  })

  test('never repeats a secret in its error', () => {
    expect(() => parseStorageAddress('s3://key:hunter2@bucket/x')).toThrow(/^((?!hunter2).)*$/)
  })
})
