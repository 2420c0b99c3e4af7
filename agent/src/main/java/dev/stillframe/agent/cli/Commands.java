package dev.stillframe.agent.cli;

import dev.stillframe.agent.job.Parts;
import dev.stillframe.engine.memory.AddressRange;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** Puts the command line together. Stateless. */
public final class Commands {
    private static final int USAGE_WIDTH = 100;

    private Commands() {}

    /** The whole command line, ready to be executed once. */
    public static CommandLine create(Parts parts) {
        CommandLine root = new CommandLine(new StillframeCommand());
        root.addSubcommand(new DoctorCommand(parts.readiness()));
        root.addSubcommand(new SnapshotCommand(parts));
        root.addSubcommand(new WatchCommand(parts));
        root.addSubcommand(new ReceiveCommand(parts.receptions()));
        root.addSubcommand(new ShowCommand());
        root.addSubcommand(new VerifyCommand());
        root.addSubcommand(new ExportCommand());
        root.addSubcommand(new MergeCommand());
        root.addSubcommand(new RestoreCommand());
        root.addSubcommand(new ListCommand());
        root.addSubcommand(new RemoveCommand());
        root.addSubcommand(new DemoCommand(parts));
        addHelp(root);
        return root.setCaseInsensitiveEnumValuesAllowed(true)
                .registerConverter(ByteSize.class, ByteSize::parse)
                .registerConverter(Path.class, WrongUsage::path)
                .registerConverter(Duration.class, TypedDuration::parse)
                .registerConverter(Endpoint.class, Endpoint::parse)
                .registerConverter(AddressRange.class, TypedRange::parse)
                .registerConverter(ExportCommand.Format.class, ExportCommand.Format::parse)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setUsageHelpWidth(USAGE_WIDTH)
                .setParameterExceptionHandler(Commands::wrongUsage)
                .setExecutionExceptionHandler(Commands::failed);
    }

    private static void addHelp(CommandLine command) {
        command.addMixin("standardOptions", new StandardOptions());
        command.getCommandSpec()
                .usageMessage()
                .parameterListHeading("%nParameters:%n")
                .optionListHeading("%nOptions:%n")
                .commandListHeading("%nCommands:%n");
        command.getSubcommands().values().forEach(Commands::addHelp);
    }

    private static int wrongUsage(ParameterException failure, String[] arguments) {
        CommandLine command = failure.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        print(command, name + ": " + WrongUsage.describe(failure) + "; see " + name + " --help");
        return ExitCode.USAGE;
    }

    private static int failed(Exception failure, CommandLine command, ParseResult parsed) {
        String name = command.getCommandSpec().qualifiedName();
        boolean verbose =
                parsed.subcommand() != null && parsed.subcommand().hasMatchedOption("--verbose");
        String reason = Failure.describe(failure);
        if (Failure.isForeseen(failure)) {
            print(command, name + ": " + reason);
        } else {
            String advice = verbose ? "" : "; run again with --verbose and report what it prints";
            print(
                    command,
                    name
                            + ": a fault in Stillframe: "
                            + failure.getClass().getName()
                            + ": "
                            + reason
                            + advice);
        }
        if (verbose) {
            StringWriter trace = new StringWriter();
            failure.printStackTrace(new PrintWriter(trace));
            trace.toString().lines().forEach(line -> print(command, line.replace("\t", "    ")));
        }
        return ExitCode.FAILED;
    }

    private static void print(CommandLine command, String line) {
        PrintWriter err = command.getErr();
        err.println(Printable.of(line));
        err.flush();
    }
}
