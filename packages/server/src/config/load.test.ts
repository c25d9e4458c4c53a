import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'nixen-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function toml(text: string): string {
  const path = join(folder, 'nixen.toml')
  writeFileSync(path, text)
  return path
}

describe('the configuration', () => {
  test('takes each value from the strongest place that has it', () => {
    const file = toml('[server]\nport = 3\nbase_path = "/three"\n[session]\nidle = "3h"\n')
    const { values, located } = loadConfig({
      flags: { 'server.port': '1' },
      environment: { NIXEN_SERVER_PORT: '2', NIXEN_SERVER_BASE_PATH: '/two', PATH: '/bin' },
      file,
      database: new Map<string, unknown>([
        ['session.idle', '4h'],
        ['session.longest', '4d'],
      ]),
    })
    expect(values).toMatchObject({ 'server.port': 1, 'server.base_path': '/two', 'session.idle': 3 * 3_600_000 })
    expect(values['session.longest']).toBe(4 * 86_400_000)
    expect(values['log.level']).toBe('info')
    expect(located['server.base_path']).toMatchObject({ source: 'environment', origin: 'NIXEN_SERVER_BASE_PATH' })
    expect(located['session.idle']).toMatchObject({ source: 'file', origin: file })
    expect(located['log.level']).toEqual({ value: 'info', source: 'default' })
  })

  test('reads lists from text', () => {
    const { values } = loadConfig({ environment: { NIXEN_SERVER_TRUSTED_PROXIES: '10.0.0.1, fd00::/8' } })
    expect(values['server.trusted_proxies']).toEqual(['10.0.0.1', 'fd00::/8'])
  })

  test.each([
    [{ flags: { 'server.port': '70000' } }, /^server\.port \(--set server\.port\): .*65535/],
    [{ flags: { 'server.prot': '1' } }, /^server\.prot \(flag\): There is no such setting/],
    [{ environment: { NIXEN_SERVER_PROT: '1' } }, /^NIXEN_SERVER_PROT \(environment\): There is no such setting/],
    [{ environment: { NIXEN_SESSION_IDLE: 'soon' } }, /^session\.idle \(NIXEN_SESSION_IDLE\): "soon" is not a length/],
    [{ flags: { 'server.trusted_proxies': 'proxy' } }, /Not an address like 10\.0\.0\.1/],
    [{ flags: { 'server.base_path': 'nixen' } }, /Not a path like \/nixen/],
    [{ file: '/nowhere.toml' }, /^\/nowhere\.toml cannot be read as configuration: ENOENT/],
  ])('names the key and the place of what is wrong: %j', (sources, message) => {
    expect(() => loadConfig(sources)).toThrow(message)
  })

  test('names the line of a file that is not TOML, and an unknown key in one', () => {
    expect(() => loadConfig({ file: toml('[server]\nport = \n') })).toThrow(/nixen\.toml cannot be read.*line 2/)
    expect(() => loadConfig({ file: toml('[server]\nports = 1\n') })).toThrow(/^server\.ports \(.*nixen\.toml\)/)
  })
})
