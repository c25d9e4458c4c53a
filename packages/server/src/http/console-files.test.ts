import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addConsoleRoutes } from './console-files.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixen-console-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), '<script src="./assets/index-1.js"></script>')
  await writeFile(join(folder, 'assets/index-1.js'), 'start()')
  await writeFile(join(folder, 'secret.js'), 'secret')
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

function served(basePath: string, from = folder) {
  const app = fastify()
  app.setNotFoundHandler(async (_request, reply) => await reply.status(404).send('not found'))
  addConsoleRoutes(app, { basePath, folder: from })
  return app
}
const page = { accept: 'text/html,*/*;q=0.8' }

describe.each(['/', '/nixen/'])('below %s', (basePath) => {
  test('every address of a page gives the console, whose files are below the base path', async () => {
    await using app = served(basePath)
    for (const path of ['', 'vms', 'vms/vm.c.1', 'setup']) {
      const answer = await app.inject({ url: basePath + path, headers: page })
      expect([answer.statusCode, answer.body]).toEqual([200, `<script src="${basePath}assets/index-1.js"></script>`])
      expect(answer.headers['cache-control']).toBe('no-cache')
    }
  })

  test('files with a hash in their name are kept for ever, and compressed for who takes it', async () => {
    await using app = served(basePath)
    const url = `${basePath}assets/index-1.js`
    const plain = await app.inject({ url })
    expect(plain.body).toBe('start()')
    expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect(plain.headers['content-type']).toBe('text/javascript; charset=utf-8')
    const zipped = await app.inject({ url, headers: { 'accept-encoding': 'gzip, br' } })
    expect(gunzipSync(zipped.rawPayload).toString()).toBe('start()')
  })

  test('nothing else is given: unknown files, the folder above, the API, programs that want no page', async () => {
    await using app = served(basePath)
    for (const path of ['assets/no.js', 'assets/..%2Fsecret.js', 'assets/%2e%2e%2fsecret.js', 'assets/index-1.txt'])
      expect((await app.inject({ url: basePath + path })).statusCode).toBe(404)
    expect((await app.inject({ url: `${basePath}api/v1/nothing`, headers: page })).statusCode).toBe(404)
    expect((await app.inject({ url: `${basePath}vms`, headers: { accept: 'application/json' } })).statusCode).toBe(404)
  })
})

test('a console that is not built says how', async () => {
  await using app = served('/', join(folder, 'nowhere'))
  const answer = await app.inject({ url: '/', headers: page })
  expect(answer.statusCode).toBe(503)
  expect(answer.body).toContain('npm run build:web')
})
