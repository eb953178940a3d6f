import { Command } from "commander";
import { explainStart, startGateway } from "../start.ts";
import { isWorker, work } from "../workers/worker.ts";
import { hintAtConfig, withConfig } from "./config.ts";
import type { CommandIo } from "./io.ts";
import { printJsonLine } from "./printing.ts";

/** `sallyport serve`: runs the gateway until SIGTERM or SIGINT. */
export function serveCommand(io: CommandIo): Command {
  return withConfig(new Command("serve"))
    .description("run the gateway (the default command)")
    .action(async (options: { config: string }) => {
      try {
        if (isWorker) return io.exit((await work(options.config, io.err, explainStart)) ? 0 : 2);
        const gateway = await startGateway(options.config, io.err);
        printJsonLine(io, { event: "ready", public: gateway.publicUrl, admin: gateway.adminUrl });
        gateway.deliver();
        await gateway.stopped;
        io.exit(0);
      } catch (error) {
        io.err(`${explainStart(hintAtConfig(error, options.config, "let sallyport quickstart make one"))}\n`);
        io.exit(2);
      }
    });
}
