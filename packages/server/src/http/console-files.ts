import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { systemCode } from '@nixen/core'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** From here, in the checkout and in the release, which keeps the places of the source. */
const besideThis = '../../../web/dist/'
const compress = promisify(gzip)
const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

export interface ConsoleRouteOptions {
  /** With a slash at its end. */
  readonly basePath: string
  /** Where `npm run build:web` put the console; beside the server when left out. */
  readonly folder?: string | undefined
}

interface Asset {
  readonly type: string
  readonly plain: Buffer
  readonly gzip: Buffer
}

/**
 * Serves the console: its files, and its page at every other address that a browser opens, so that each page of it has a link. What is in
 * `assets/` has the hash of its content in its name and is kept by browsers for ever.
 */
export function addConsoleRoutes(app: FastifyInstance, options: ConsoleRouteOptions): void {
  const { basePath, folder = fileURLToPath(new URL(besideThis, import.meta.url)) } = options
  const assets = new Map<string, Asset>()
  app.get<{ Params: { name: string } }>(`${basePath}assets/:name`, async (request, reply) => {
    const { name } = request.params
    const asset = assets.get(name) ?? (await readAsset(folder, name))
    if (!asset) return reply.callNotFound()
    assets.set(name, asset)
    return await sendAsset(request, reply, asset)
  })
  const page = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const wantsPage = request.headers.accept?.includes('text/html') === true
    if (!wantsPage || request.url.startsWith(`${basePath}api/`)) return reply.callNotFound()
    const html = await readPage(folder, basePath)
    return await reply
      .status(html === undefined ? 503 : 200)
      .headers({ 'cache-control': 'no-cache', vary: 'accept' })
      .type('text/html; charset=utf-8')
      .send(html ?? notBuilt)
  }
  app.get(`${basePath}*`, page)
  if (basePath !== '/') {
    app.get('/', async (request, reply) =>
      request.headers.accept?.includes('text/html') === true ? reply.redirect(basePath) : reply.callNotFound(),
    )
  }
}

/** Only names as the build makes them: nothing of them can lead out of the folder. */
async function readAsset(folder: string, name: string): Promise<Asset | undefined> {
  const type = types[extname(name)]
  if (type === undefined || !/^[\w-][\w.-]*$/.test(name)) return undefined
  const plain = await readIfThere(join(folder, 'assets', name))
  return plain && { type, plain, gzip: await compress(plain) }
}

async function sendAsset(request: FastifyRequest, reply: FastifyReply, asset: Asset): Promise<unknown> {
  reply.headers({ 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' }).type(asset.type)
  if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return await reply.send(asset.plain)
  return await reply.header('content-encoding', 'gzip').send(asset.gzip)
}

/** The page, with its files below the base path: it is opened at addresses of any depth. */
async function readPage(folder: string, basePath: string): Promise<string | undefined> {
  const html = await readIfThere(join(folder, 'index.html'))
  return html?.toString().replaceAll('"./assets/', `"${basePath}assets/`)
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Nixen</title>
<h1>Nixen runs, its console is not built</h1>
<p>In the folder of Nixen, run <code>npm run build:web</code>, then load this page again.
The API answers at <code>api/v1</code> below this address, and the command line works: <code>nixen vm list</code>.</p>
`
