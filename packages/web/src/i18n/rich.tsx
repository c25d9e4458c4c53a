import { Fragment, type ReactNode } from 'react'

/** A message with elements in place of its names in braces: `rich('It becomes {name}.', { name: <b>web</b> })`. */
export function rich(message: string, parts: Readonly<Record<string, ReactNode>>): ReactNode {
  return message.split(/(\{\w+\})/).map((piece, index) => {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1]
    // Pieces stay where they are: the message does not change.
    // oxlint-disable-next-line react/no-array-index-key
    return <Fragment key={index}>{name === undefined ? piece : parts[name]}</Fragment>
  })
}
