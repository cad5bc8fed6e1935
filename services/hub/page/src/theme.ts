// Light, dark, or as the system has it; remembered by this browser.
export type Theme = "system" | "light" | "dark";

const kKey = "theme";
const kNext: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

export function theme(): Theme {
  try {
    const kept = localStorage.getItem(kKey);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system"; // a browser that keeps nothing
  }
}

export const applyTheme = (value = theme()) =>
  document.documentElement.setAttribute("data-theme", value);

export function nextTheme(): Theme {
  const next = kNext[theme()];
  try {
    localStorage.setItem(kKey, next);
  } catch {
    // It holds until the page is left.
  }
  applyTheme(next);
  return next;
}
