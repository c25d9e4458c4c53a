import type { ReactNode } from 'react'

/** Labels that people gave. */
export function Tags({ tags }: { readonly tags: readonly string[] }): ReactNode {
  if (tags.length === 0) return <span className="text-muted">–</span>
  return (
    <span className="inline-flex max-w-full gap-1" title={tags.join(', ')}>
      {tags.map((tag) => (
        <span key={tag} className="bg-hover text-ink truncate rounded px-1.5 text-xs leading-5">
          {tag}
        </span>
      ))}
    </span>
  )
}
