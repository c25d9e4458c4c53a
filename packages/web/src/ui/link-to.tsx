import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useName } from '../live/live.ts'
import { common } from '../i18n/common.ts'

const pages: Readonly<Record<string, string>> = {
  vm: '/vms/$id',
  pool: '/pools/$id',
  host: '/hosts/$id',
  storage: '/storages/$id',
  network: '/networks/$id',
}

/** The name of an object, as a link where it has a page. */
export function ObjectLink({ id }: { readonly id: string | undefined }): ReactNode {
  const name = useName(id)
  if (id === undefined) return <span className="text-muted">–</span>
  const page = pages[id.slice(0, Math.max(0, id.indexOf('.')))]
  if (page === undefined || name === undefined) return <span title={id}>{name ?? common.unknown}</span>
  return (
    <Link to={page} params={{ id }} className="text-accent hover:underline">
      {name || common.noName}
    </Link>
  )
}
