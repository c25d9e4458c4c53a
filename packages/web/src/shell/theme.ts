import { value } from '../value.ts'

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]
const key = 'nixen.theme'

export const theme = value<Theme>(read())

/** Shows a theme and keeps the choice in this browser. */
export function chooseTheme(next: Theme): void {
  theme.set(next)
  show(next)
  try {
    localStorage.setItem(key, next)
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** Shows the theme that was chosen, before anything is drawn. */
export function startTheme(): void {
  show(theme.get())
}

function show(chosen: Theme): void {
  if (chosen === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = chosen
}

function read(): Theme {
  try {
    const kept = localStorage.getItem(key)
    return themes.find((one) => one === kept) ?? 'system'
  } catch {
    return 'system'
  }
}
