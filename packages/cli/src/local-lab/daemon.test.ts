import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

/** Command lines of all processes that have `text` in them. */
async function processesWith(text: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (line.includes(text)) found.push(line.replaceAll('\0', ' '))
  }
  return found
}

test('nothing of a daemon is left when the process that started it is killed', async () => {
  const lab = new URL('index.ts', import.meta.url).href
  const code = `const { startOwnDaemon } = await import(${JSON.stringify(lab)})
    const daemon = await startOwnDaemon()
    console.log(daemon.folder)
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  const folder = String(line).trim()
  expect((await processesWith(folder)).some((one) => one.includes('libvirtd'))).toBe(true)
  child.kill('SIGKILL')
  await ended
  await expect.poll(async () => await processesWith(folder), { timeout: 30_000 }).toEqual([])
  await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' })
}, 120_000)
