import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.json.*;

/** Jobs by the code on the page for OkHttp (see page.py). */
class Page {
    public static void main(String[] given) throws Exception {
        var pool = Executors.newFixedThreadPool(16);
        var out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            var asked = new JSONObject(line);
            pool.submit(() -> { out.println(told(asked)); return null; });
        }
        pool.shutdown();
        pool.awaitTermination(1, TimeUnit.HOURS);
        System.exit(0); // OkHttp keeps threads for a minute
    }

    private static JSONObject told(JSONObject asked) throws Exception {
        var events = new JSONArray();
        var told = new JSONObject().put("key", asked.getString("key")).put("events", events);
        try {
            var envelope = Relay.call(
                asked.getString("base"), asked.getString("job"), asked.getJSONObject("arguments"),
                asked.getString("key"), asked.getBoolean("lines") ? events::put : null);
            told.put("envelope", envelope);
        } catch (Exception | Error error) {
            told.put("error", error.toString());
        }
        return told;
    }
}
