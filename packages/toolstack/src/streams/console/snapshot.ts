import { messageOf } from '@nixen/core'
import type { Pool } from '../../pool/pool.ts'
import { sendText, type HttpHandler } from '../../wire/http-exchange.ts'
import { encodePng } from './png.ts'
import { background, foreground } from './rfb.ts'
import { consoleTarget } from './target.ts'

/** GET /vncsnapshot: what a machine shows now. A host answers with JPEG; this is PNG, which keeps text sharp. */
export function consoleSnapshot(pool: Pool): HttpHandler {
  return async (exchange) => {
    const target = consoleTarget(pool, exchange, 'get_vncsnapshot')
    if (!target) return pool.db.commit()
    try {
      const screen = pool.screens.of(target.vm)
      const { width, height } = screen
      const image = await encodePng({ width, height, palette: [background, foreground], pixels: screen.pixels() })
      exchange.response.writeHead(200, { 'content-type': 'image/png', 'content-length': image.length })
      exchange.response.end(image)
    } catch (error) {
      sendText(exchange.response, 500, messageOf(error))
    } finally {
      target.identity.end()
      pool.db.commit()
    }
  }
}
