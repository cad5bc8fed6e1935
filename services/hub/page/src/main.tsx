import { render } from "preact";
import { begin } from "./actions";
import { App } from "./ui/app";
import { applyTheme } from "./theme";
import "./style.css";

applyTheme();
const root = document.getElementById("app")!;
root.replaceChildren();
render(<App />, root);
void begin();
