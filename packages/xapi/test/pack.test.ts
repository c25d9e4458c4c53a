import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pack, type Packed } from '../scripts/pack.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))
let folder = ''
let packed: Packed

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-pack-'))
  packed = await pack(join(folder, 'out'))
  const user = join(folder, 'user')
  await mkdir(user)
  await writeFile(join(user, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  // Nothing of a registry is needed: the package has no dependencies.
  await run('npm', ['install', packed.tarball, '--offline', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: user,
  })
}, 120_000)

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('the packed package', { timeout: 120_000 }, () => {
  test('has no dependencies, no sources and no paths of this machine', async () => {
    const manifest = JSON.parse(await readFile(join(packed.folder, 'package.json'), 'utf8')) as object
    expect(manifest).not.toHaveProperty('dependencies')
    expect(manifest).not.toHaveProperty('private')
    const code = await readFile(join(packed.folder, 'index.js'), 'utf8')
    expect(code).not.toMatch(/@nixen\/core['"]/)
    expect(code).not.toContain(root)
  })

  test('is well below a megabyte', async () => {
    expect((await stat(join(packed.folder, 'index.js'))).size).toBeLessThan(400_000)
    expect((await stat(packed.tarball)).size).toBeLessThan(400_000)
  })

  test('works from JavaScript', async () => {
    await writeFile(
      join(folder, 'user/use.js'),
      `import { createCallers, decodeValue, isXapiError, Xapi, XapiError, xapiErrors } from '@nixen/xapi'
const sent = []
const client = createCallers(async (method, params, { resultType }) => {
  sent.push([method, ...params])
  return decodeValue(resultType, 'OpaqueRef:2')
})
const copy = await client.VM.clone('OpaqueRef:1', 'copy')
const error = new XapiError('VM_BAD_POWER_STATE', ['a', 'b', 'c'])
const unreachable = await Xapi.connect({ url: 'https://127.0.0.1:1', username: 'root', password: 'x', timeouts: { connect: 2000 } })
  .catch((reason) => reason.code)
console.log(JSON.stringify([copy, sent, isXapiError(error, 'VM_BAD_POWER_STATE'), xapiErrors.timeout({ what: 'x', ms: 1 }).code, unreachable]))
`,
    )
    const { stdout } = await run(process.execPath, ['use.js'], { cwd: join(folder, 'user') })
    expect(JSON.parse(stdout)).toEqual([
      'OpaqueRef:2',
      [['VM.clone', 'OpaqueRef:1', 'copy']],
      true,
      'xapi.timeout',
      'xapi.unreachable',
    ])
  })

  test('types a good program, and refuses one that mixes up references', async () => {
    const good = `import { isXapiError, Xapi, type Ref, type VMRecord } from '@nixen/xapi'
export async function stopAll(xapi: Xapi, host: Ref<'host'>): Promise<string[]> {
  const stopped: string[] = []
  for (const [ref, vm] of await xapi.client.VM.get_all_records()) {
    const record: VMRecord = vm
    if (record.resident_on !== host || record.is_control_domain) continue
    try {
      await xapi.client.with({ timeout: 60_000 }).VM.clean_shutdown(ref)
      stopped.push(record.name_label)
    } catch (error) {
      if (!isXapiError(error, 'VM_BAD_POWER_STATE')) throw error
      const actual: string = error.params[2]
      stopped.push(actual)
    }
  }
  return stopped
}
`
    expect(await compile('good.ts', good)).toBe('')
    const wrong = good.replace('.VM.clean_shutdown(ref)', '.VM.clean_shutdown(host)')
    expect(await compile('wrong.ts', wrong)).toMatch(/wrong\.ts\(8,\d+\): error TS2345: .*'Ref<"host">'.*'Ref<"VM">'/)
    expect(await compile('unknown.ts', good.replace('clean_shutdown(ref)', 'levitate(ref)'))).toMatch(
      /unknown\.ts\(8,\d+\): error TS2339/,
    )
  })

  test('types every example of its README', async () => {
    const readme = await readFile(join(packed.folder, 'README.md'), 'utf8')
    const examples = [...readme.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code = '']) => code)
    expect(examples.length).toBeGreaterThan(2)
    expect(await compile('readme.ts', ...examples)).toBe('')
  })
})

/** What the compiler says about programs of a user, declarations of the package included. */
async function compile(name: string, ...texts: readonly string[]): Promise<string> {
  const user = join(folder, 'user')
  const names = texts.map((_, index) => (index === 0 ? name : `${index}-${name}`))
  for (const [index, text] of texts.entries()) await writeFile(join(user, names[index] ?? name), text)
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--lib', 'esnext,dom']
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const answer = await run(process.execPath, [tsc, ...options, ...types, ...names], { cwd: user }).catch(
    (error: { stdout: string }) => error,
  )
  return answer.stdout
}
