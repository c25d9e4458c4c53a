import { useMemo, type ReactNode } from 'react'
import { qrMatrix } from './qr.ts'

/** A QR code, always dark on light with its quiet zone: readers want that. */
export function QrCode({ text, label }: { readonly text: string; readonly label: string }): ReactNode {
  const modules = useMemo(() => qrMatrix(text), [text])
  const size = modules.length + 8
  const path = modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : ''))).join('')
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${size} ${size}`}
      width="176"
      height="176"
      shapeRendering="crispEdges"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}
